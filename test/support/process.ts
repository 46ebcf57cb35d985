import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A listener for each would be more than Node thinks right. */
const running = new Set<LoggedProcess>();
process.once('exit', () => {
  for (const one of running) one.kill('SIGKILL');
});

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string };

/** The checkout. */
export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

/** For processes of the project's: hundreds of them start, and the first has compiled for all. */
export const COMPILE_CACHE: Readonly<Record<string, string>> = {
  NODE_COMPILE_CACHE: join(ROOT, 'node_modules', '.cache', 'compiled'),
};

/**
 * A child process of the project's that writes JSON lines, and what it has written so far. Should this process exit
 * first, it is killed.
 */
export class LoggedProcess {
  readonly child: ChildProcess;
  readonly lines: LogLine[] = [];
  /** Everything that was written, to either stream. */
  output = '';
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly #news = new EventEmitter();
  /** Whether it has started others, in a process group of theirs. */
  readonly #isGroup: boolean;

  /** @param command default Node; another one, such as npm, starts a process in its turn, and both are ended together */
  constructor(args: readonly string[], env: Readonly<Record<string, string>>, command = process.execPath) {
    const { PATH = '', HOME = '' } = process.env;
    this.#isGroup = command !== process.execPath;
    this.child = spawn(command, args, {
      cwd: ROOT,
      env: { PATH, HOME, ...COMPILE_CACHE, ...env },
      stdio: 'pipe',
      detached: this.#isGroup,
    });
    running.add(this);
    this.exited = once(this.child, 'close').then(([code, signal]) => {
      running.delete(this);
      this.#news.emit('news');
      return { code, signal };
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      let rest = '';
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) this.lines.push(parseLine(line));
        this.#news.emit('news');
      });
    }
  }

  get pid(): number {
    return this.child.pid as number;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Resolves with the first line, from the start on, that fits. @throws when the process ends without one. */
  async line(fits: (line: LogLine) => boolean): Promise<LogLine> {
    for (;;) {
      const found = this.lines.find(fits);
      if (found !== undefined) return found;
      if (!this.running)
        throw new Error(`the process ended without the line awaited; it wrote:\n${this.output}`);
      await once(this.#news, 'news');
    }
  }

  async end(
    signal: NodeJS.Signals = 'SIGKILL',
  ): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    this.kill(signal);
    return await this.exited;
  }

  kill(signal: NodeJS.Signals): void {
    if (!this.#isGroup) this.child.kill(signal);
    else {
      try {
        process.kill(-this.pid, signal);
      } catch {
        // All of them have ended.
      }
    }
  }
}

function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { msg: line };
  }
}
