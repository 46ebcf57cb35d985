import { expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/config.ts';
import { problemsOf } from './problems.ts';

test('EVENT_CALLBACK_PATH takes a path that nobody can guess, or none, and the message does not contain a wrong one', () => {
  expect(loadConfig({}).events).toEqual({ callbackOnly: false });
  const path = `/${'aB3_-'.repeat(5)}`;
  expect(loadConfig({ EVENT_CALLBACK_PATH: path }).events.callbackPath).toBe(path);
  for (const wrong of ['/short', path.slice(1), `/x${path}`, `${path}?a`, `/${'é'.repeat(30)}`]) {
    const problems = problemsOf(() => loadConfig({ EVENT_CALLBACK_PATH: wrong }));
    expect(problems, wrong).toEqual([
      expect.stringMatching(/^EVENT_CALLBACK_PATH must be "\/" and 22 to 128/),
    ]);
    expect(problems[0]).not.toContain(wrong);
  }
});
