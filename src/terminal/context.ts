import { constants } from 'node:os';
import type { Environment } from '../config/environment.ts';

/** Output stream of a command: `out` for results, `err` for progress and errors. */
export type Output = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly rows?: number;
  readonly columns?: number;
};

/** What a command uses of its process. */
export interface CliContext {
  readonly env: Environment;
  readonly out: Output;
  readonly err: Output;
}

/** Exit codes; after SIGINT it is 130 and after SIGTERM 143. */
export const EXIT = {
  done: 0,
  /** An upload failed, or Redis or another required server was unavailable. */
  failed: 1,
  /** Wrong usage or configuration: running it again can't help. */
  usage: 2,
} as const;

/** Thrown when a signal ends a command; the message is for the user. */
export class Interrupted extends Error {
  readonly exitCode: number;
  constructor(signal: NodeJS.Signals, message: string) {
    super(message);
    this.exitCode = 128 + constants.signals[signal];
  }
}
