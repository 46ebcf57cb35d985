import type { Command } from 'commander';
import type { CliContext } from '../terminal/context.ts';

/** Runs a command's work; what it returns is the exit code. */
export type Action<Arguments extends readonly unknown[]> = (...args: Arguments) => Promise<number>;

/** What each command's definition gets. */
export interface Definition {
  readonly context: CliContext;
  /** Starts a subcommand of the program. */
  command(nameAndArguments: string): Command;
  /** Makes of an action what commander wants, and keeps the exit code that it returns. */
  action<Arguments extends readonly unknown[]>(
    action: Action<Arguments>,
  ): (...args: Arguments) => Promise<void>;
}
