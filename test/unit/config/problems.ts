import { expect } from 'vitest';
import { ConfigError } from '../../../src/config/config-error.ts';

/** The problems of the ConfigError that `run` throws. */
export function problemsOf(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).problems;
  }
  throw new Error('nothing was wrong');
}
