import type { Command } from 'commander';
import type { CliContext } from '../terminal/context.ts';

/** Runs a command. @returns the exit code */
export type Action<Arguments extends readonly unknown[]> = (...args: Arguments) => Promise<number>;

/** Passed to the function that defines a command. */
export interface Definition {
  readonly context: CliContext;
  /** Adds a subcommand to the program. */
  command(nameAndArguments: string): Command;
  /** Wraps an action for commander, and stores its exit code. */
  action<Arguments extends readonly unknown[]>(
    action: Action<Arguments>,
  ): (...args: Arguments) => Promise<void>;
}
