import { constants } from 'node:os';
import type { Environment } from '../config/config.ts';

/** Where a command writes: results to `out`, progress and errors to `err`. */
export type Output = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly rows?: number;
  readonly columns?: number;
};

/** All that commands know of the process that they run in. */
export interface CliContext {
  readonly env: Environment;
  readonly out: Output;
  readonly err: Output;
}

/** What a command ends with; 130 and 143 stand for the signals that ended it. */
export const EXIT = {
  done: 0,
  /** An upload failed, or Redis or another thing that it takes was away. */
  failed: 1,
  /** Wrong usage or configuration: doing the same again can't help. */
  usage: 2,
} as const;

/** A command that a signal ended, with what the user should know. */
export class Interrupted extends Error {
  readonly exitCode: number;
  constructor(signal: NodeJS.Signals, message: string) {
    super(message);
    this.exitCode = 128 + constants.signals[signal];
  }
}
