import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { atExit } from './exit.ts';
import { LineWriter } from './line-writer.ts';

const STANDARD_ERROR = 2;

/** How long a process waits at its exit for the reader of its last lines. */
const FLUSH_TIMEOUT_MS = 1000;

let writer: LineWriter | undefined;
let reportDropped: (dropped: number) => void = () => {};

/**
 * The writer of this process's standard error, which never blocks the process.
 * @param onDropped called after lines were dropped, when lines are written again; replaces the one of an earlier call
 */
export function standardErrorWriter(onDropped: (lines: number) => void): LineWriter {
  reportDropped = onDropped;
  if (writer !== undefined) return writer;
  const descriptor = openNonBlocking();
  const opened = new LineWriter({
    write: (bytes) => writeSync(descriptor, bytes),
    onDropped: (dropped) => reportDropped(dropped),
  });
  writer = opened;
  atExit(() => opened.flushSync(FLUSH_TIMEOUT_MS));
  return opened;
}

/** How many lines of this process were dropped because nobody read them. */
export function droppedLineCount(): number {
  return writer?.dropped ?? 0;
}

/**
 * O_NONBLOCK belongs to the open file description, which other processes may share and reset when they exit. So a pipe or
 * a terminal is opened again. Writes to files never wait for a reader.
 */
function openNonBlocking(): number {
  // This access makes Node set pipes and sockets to non-blocking, also for its own output.
  void process.stderr;
  if (!fstatSync(STANDARD_ERROR).isFIFO() && !isatty(STANDARD_ERROR)) return STANDARD_ERROR;
  try {
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    return openSync('/proc/self/fd/2', O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    // There is no /proc, or another user owns the pipe or terminal.
    return STANDARD_ERROR;
  }
}
