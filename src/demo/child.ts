import { type ChildProcess, spawn } from 'node:child_process';
import { UploaderError } from '../base/errors.ts';

/** So much of what a child has written is kept, for when something goes wrong. */
const KEPT_LINES = 40;
/** A child that was asked to end gets this long. */
const STOP_TIMEOUT_MS = 5000;

export interface ChildOptions {
  /** What errors call it. */
  readonly label: string;
  readonly command: string;
  readonly args: readonly string[];
  /** All of its environment; default this process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The line of its output that shows that it is ready. */
  readonly ready: RegExp;
  /** Default 20,000 ms. */
  readonly readyTimeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A child process that runs until it is stopped; by its process id, and nothing else is touched. */
export interface Child {
  readonly pid: number;
  /** The line that showed that it was ready. */
  readonly readyLine: string;
  /** Rejects with the child's last words when it ends without having been asked to. */
  readonly died: Promise<never>;
  lastLines(): readonly string[];
  /** SIGTERM, and SIGKILL to one that doesn't end within 5 s; resolves when it has ended. */
  stop(): Promise<void>;
  /** SIGKILL; resolves when it has ended. */
  kill(): Promise<void>;
}

/**
 * Starts a program and waits until it is ready. Should this process exit first, the child is killed.
 * @throws {UploaderError} CHILD_MISSING when there is no such program, CHILD_FAILED with its last lines when it ends
 *   or isn't ready in time; it has ended by then
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { label, command, args, ready, readyTimeoutMs = 20_000, signal } = options;
  signal?.throwIfAborted();
  const { env } = options;
  const process_ = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(env !== undefined && { env }),
  });
  const lines: string[] = [];
  const started = Promise.withResolvers<string>();
  const ended = Promise.withResolvers<void>();
  const died = Promise.withResolvers<never>();
  died.promise.catch(() => {});
  const onLine = (line: string): void => {
    if (lines.push(line) > KEPT_LINES) lines.shift();
    if (ready.test(line)) started.resolve(line);
  };
  onEachLine(process_, onLine);
  const killNow = (): void => void process_.kill('SIGKILL');
  process.once('exit', killNow);
  let asked = false;
  const end = (error: UploaderError): void => {
    process.off('exit', killNow);
    started.reject(error);
    if (!asked) died.reject(error);
    ended.resolve();
  };
  process_.once('error', (cause: NodeJS.ErrnoException) => {
    const code = cause.code === 'ENOENT' ? 'CHILD_MISSING' : 'CHILD_FAILED';
    end(new UploaderError(code, `${label} can't be started: ${cause.message}`, { cause }));
  });
  // Unlike 'exit', 'close' comes when all that it wrote has been read.
  process_.once('close', (code, by) => {
    const words = [`${label} ended (${by ?? `exit code ${code}`})`, ...lines];
    end(new UploaderError('CHILD_FAILED', words.join('\n  ')));
  });
  const finish = async (first: NodeJS.Signals): Promise<void> => {
    asked = true;
    process_.kill(first);
    const timer = setTimeout(killNow, STOP_TIMEOUT_MS);
    await ended.promise;
    clearTimeout(timer);
  };
  const late = new UploaderError('CHILD_FAILED', `${label} was not ready within ${readyTimeoutMs} ms`);
  const timer = setTimeout(() => started.reject(late), readyTimeoutMs);
  const onAbort = (): void => started.reject(signal?.reason);
  signal?.addEventListener('abort', onAbort);
  try {
    const readyLine = await started.promise;
    return {
      pid: process_.pid as number,
      readyLine,
      died: died.promise,
      lastLines: () => lines,
      stop: () => finish('SIGTERM'),
      kill: () => finish('SIGKILL'),
    };
  } catch (error) {
    if (process_.pid !== undefined) await finish('SIGKILL');
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

function onEachLine({ stdout, stderr }: ChildProcess, onLine: (line: string) => void): void {
  for (const stream of [stdout, stderr]) {
    let rest = '';
    stream?.setEncoding('utf8').on('data', (text: string) => {
      const lines = `${rest}${text}`.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line);
    });
    stream?.on('end', () => {
      if (rest !== '') onLine(rest);
    });
  }
}
