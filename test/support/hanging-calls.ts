/*
 * Preloaded with `--import` into a process and its threads. File calls below the directory HANGING_DISK hang while there
 * is a FIFO at `HANGING_DISK.gate`: each call opens it, and that system call only returns when there is a writer. As with
 * a network disk whose server is unavailable, nothing else ends the call. The directory appears as its own mount.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const directory = process.env.HANGING_DISK ?? '/nowhere';
const gate = `${directory}.gate`;

const {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  open,
  close,
  read,
  readFileSync,
  readSync,
  readlinkSync,
} = fs;
const { native } = fs.realpathSync;
const promises = { ...fs.promises };

/** @param file path or descriptor */
function hangs(file: unknown, call: string): boolean {
  if (!existsSync(gate)) return false;
  if (!`${pathOf(file)}/`.startsWith(`${directory}/`)) return false;
  appendFileSync(`${directory}.hung`, `${call}\n`);
  return true;
}

function pathOf(file: unknown): string {
  if (typeof file !== 'number') return String(file);
  try {
    return readlinkSync(`/proc/self/fd/${file}`);
  } catch {
    return '';
  }
}

function wait(): void {
  try {
    closeSync(openSync(gate, 'r'));
  } catch {
    // The gate was opened at this moment.
  }
}

/** Blocks one thread of Node's thread pool. */
async function waitAsync(): Promise<void> {
  await new Promise<void>((resolve) => {
    open(gate, 'r', (error, fd) => (error ? resolve() : close(fd, () => resolve())));
  });
}

type Call = (file: never, ...more: never[]) => unknown;

const sync = (name: string, call: Call): never =>
  ((file: never, ...more: never[]) => {
    if (hangs(file, name)) wait();
    return call(file, ...more);
  }) as never;

const async = (name: string, call: Call): never =>
  (async (file: never, ...more: never[]) => {
    if (hangs(file, name)) await waitAsync();
    return await call(file, ...more);
  }) as never;

const writable = fs as { -readonly [Name in keyof typeof fs]: (typeof fs)[Name] };
writable.statSync = sync('stat', fs.statSync as Call);
writable.openSync = sync('open', openSync as Call);
writable.readSync = sync('read', readSync as Call);
writable.realpathSync.native = sync('realpath', native as Call);
writable.readFileSync = ((file: never, ...more: never[]) => {
  const content: unknown = readFileSync(file, ...more);
  return file === '/proc/self/mountinfo' ? `${content}0 0 0:0 / ${directory} rw - nfs dead rw\n` : content;
}) as never;
writable.read = ((fd: number, ...more: never[]) => {
  const begin = (): void => (read as (...args: unknown[]) => void)(fd, ...more);
  if (hangs(fd, 'read')) waitAsync().then(begin);
  else begin();
}) as never;
for (const name of ['open', 'stat', 'realpath', 'readFile'] as const) {
  fs.promises[name] = async(name, promises[name] as Call);
}
syncBuiltinESMExports();
