import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Killed by a single exit listener: one per process would exceed Node's limit. */
const running = new Set<LoggedProcess>();
process.once('exit', () => {
  for (const one of running) one.kill('SIGKILL');
});

export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string };

/** Directory of the repository. */
export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url));

/** Shared compile cache for the project's processes: tests start hundreds of them. */
export const COMPILE_CACHE: Readonly<Record<string, string>> = {
  NODE_COMPILE_CACHE: join(ROOT, 'node_modules', '.cache', 'compiled'),
};

/**
 * A child process of the project that writes JSON lines, and its output. It is killed when this process exits first.
 */
export class LoggedProcess {
  readonly child: ChildProcess;
  readonly lines: LogLine[] = [];
  /** Everything written to standard output and standard error. */
  output = '';
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly #changes = new EventEmitter();
  /** Whether it runs in its own process group, with processes that it starts. */
  readonly #isGroup: boolean;

  /** @param command default Node; another one, such as npm, may start processes, which are ended together with it */
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
      this.#changes.emit('change');
      return { code, signal };
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      let rest = '';
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) this.lines.push(parseLine(line));
        this.#changes.emit('change');
      });
    }
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** Peak resident memory in bytes, from the kernel. */
  async peakMemory(): Promise<number> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** @returns the first matching line since the start. @throws when the process ends without one */
  async line(matches: (line: LogLine) => boolean): Promise<LogLine> {
    for (;;) {
      const found = this.lines.find(matches);
      if (found !== undefined) return found;
      if (!this.running)
        throw new Error(`the process ended without the expected line; its output:\n${this.output}`);
      await once(this.#changes, 'change');
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
        // All processes of the group have ended.
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
