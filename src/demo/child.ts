import { type ChildProcess, spawn } from 'node:child_process';
import { defined } from '../base/defined.ts';
import { UploaderError } from '../base/errors.ts';

/** Number of output lines kept for error messages. */
const KEPT_LINES = 40;
/** Time between SIGTERM and SIGKILL. */
const STOP_TIMEOUT_MS = 5000;

export interface ChildOptions {
  /** Name of the child in errors. */
  readonly label: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Complete environment; default this process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Matches the output line that shows that the child is ready. */
  readonly ready: RegExp;
  /** Default 20,000 ms. */
  readonly readyTimeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** A child process that runs until it is stopped. */
export interface Child {
  readonly pid: number;
  /** The line that matched `ready`. */
  readonly readyLine: string;
  /** Rejects with the child's last lines when it ends without `stop` or `kill`. */
  readonly died: Promise<never>;
  lastLines(): readonly string[];
  /** Sends SIGTERM, and SIGKILL after 5 s; resolves when the child has ended. */
  stop(): Promise<void>;
  /** Sends SIGKILL; resolves when the child has ended. */
  kill(): Promise<void>;
}

/**
 * Starts a program and waits until it is ready. The child is killed when this process exits first.
 * @throws {UploaderError} CHILD_MISSING when there is no such program; CHILD_FAILED with its last lines when it ends or
 *   is not ready in time, after it has ended
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { label, command, args, env, ready, readyTimeoutMs = 20_000, signal } = options;
  signal?.throwIfAborted();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...defined({ env }) });
  const lines: string[] = [];
  const started = Promise.withResolvers<string>();
  onEachLine(child, (line) => {
    if (lines.push(line) > KEPT_LINES) lines.shift();
    if (ready.test(line)) started.resolve(line);
  });
  const { ended, died, stop } = watchEnd(child, label, lines);
  ended.then(started.reject);
  const late = new UploaderError('CHILD_FAILED', `${label} was not ready within ${readyTimeoutMs} ms`);
  const timer = setTimeout(() => started.reject(late), readyTimeoutMs);
  const onAbort = (): void => started.reject(signal?.reason);
  signal?.addEventListener('abort', onAbort);
  try {
    const readyLine = await started.promise;
    return {
      pid: child.pid as number,
      readyLine,
      died,
      lastLines: () => lines,
      stop: () => stop('SIGTERM'),
      kill: () => stop('SIGKILL'),
    };
  } catch (error) {
    if (child.pid !== undefined) await stop('SIGKILL');
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

interface ChildEnd {
  /** Resolves when the child has ended, whoever ended it. */
  readonly ended: Promise<UploaderError>;
  readonly died: Promise<never>;
  stop(signal: NodeJS.Signals): Promise<void>;
}

function watchEnd(child: ChildProcess, label: string, lines: readonly string[]): ChildEnd {
  const ended = Promise.withResolvers<UploaderError>();
  const died = Promise.withResolvers<never>();
  died.promise.catch(() => {});
  let stopping = false;
  const killNow = (): void => void child.kill('SIGKILL');
  process.once('exit', killNow);
  const end = (error: UploaderError): void => {
    process.off('exit', killNow);
    if (!stopping) died.reject(error);
    ended.resolve(error);
  };
  child.once('error', (cause: NodeJS.ErrnoException) => {
    const code = cause.code === 'ENOENT' ? 'CHILD_MISSING' : 'CHILD_FAILED';
    end(new UploaderError(code, `${label} can't be started: ${cause.message}`, { cause }));
  });
  // Unlike 'exit', 'close' comes after all output has been read.
  child.once('close', (code, by) => {
    const report = [`${label} ended (${by ?? `exit code ${code}`})`, ...lines];
    end(new UploaderError('CHILD_FAILED', report.join('\n  ')));
  });
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    stopping = true;
    child.kill(signal);
    const timer = setTimeout(killNow, STOP_TIMEOUT_MS);
    await ended.promise;
    clearTimeout(timer);
  };
  return { ended: ended.promise, died: died.promise, stop };
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
