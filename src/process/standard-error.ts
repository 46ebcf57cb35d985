import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { atExit } from './exit.ts';
import { LineWriter } from './line-writer.ts';

const STANDARD_ERROR = 2;

/** A process that ends waits so long for a reader of what it has still to say. */
const FLUSH_MS = 1000;

let lines: LineWriter | undefined;
let tell: (dropped: number) => void = () => {};

/**
 * The lines of this process's standard error. Whoever does not read them never stops the process.
 * @param onDropped told of lines that were dropped, when others are written again
 */
export function standardErrorLines(onDropped: (lines: number) => void): LineWriter {
  tell = onDropped;
  if (lines !== undefined) return lines;
  const descriptor = openNonBlocking();
  const opened = new LineWriter({
    write: (bytes) => writeSync(descriptor, bytes),
    onDropped: (dropped) => tell(dropped),
  });
  lines = opened;
  atExit(() => opened.flushSync(FLUSH_MS));
  return opened;
}

/** Lines of this process that nobody read, and that were dropped. */
export function droppedLines(): number {
  return lines?.dropped ?? 0;
}

/**
 * Whether writes wait is a property of what is open, which other processes may share, and turn back when they end. So a
 * pipe and a terminal are opened once more. Files never wait for a reader.
 */
function openNonBlocking(): number {
  // Node then makes pipes and sockets non-blocking, also for what it prints by itself.
  void process.stderr;
  if (!fstatSync(STANDARD_ERROR).isFIFO() && !isatty(STANDARD_ERROR)) return STANDARD_ERROR;
  try {
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
    return openSync('/proc/self/fd/2', O_WRONLY | O_NONBLOCK | O_NOCTTY);
  } catch {
    // There is no such place, or it is somebody else's.
    return STANDARD_ERROR;
  }
}
