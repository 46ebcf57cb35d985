import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import { COMPILE_CACHE, ROOT } from './process.ts';

const CLI = join(ROOT, 'src', 'cli.ts');

/** Result of a command. */
export interface Ended {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `vod-upload …` as a child process with its own process group. */
export class CliProcess {
  stdout = '';
  stderr = '';
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  readonly #changes = new EventEmitter();

  constructor(args: readonly string[], options: { env: Readonly<Record<string, string>>; cwd: string }) {
    const { PATH = '', HOME = '' } = process.env;
    const env = { PATH, HOME, ...COMPILE_CACHE, ...options.env };
    this.child = spawn(process.execPath, [CLI, ...args], {
      cwd: options.cwd,
      env,
      stdio: 'pipe',
      detached: true,
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#changes.emit('change');
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#changes.emit('change');
    });
    this.ended = once(this.child, 'close').then(([exitCode]) => {
      this.#changes.emit('change');
      return { exitCode, stdout: this.stdout, stderr: this.stderr };
    });
  }

  /** Resolves when its output matches. @throws when it ends first */
  async wrote(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
      if (found !== null) return found;
      const { exitCode, signalCode } = this.child;
      if (exitCode !== null || signalCode !== null) {
        throw new Error(`the process ended without ${pattern}; its output:\n${this.stdout}${this.stderr}`);
      }
      await once(this.#changes, 'change');
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Whether it or a process that it started is still running. */
  get groupIsAlive(): boolean {
    try {
      process.kill(-(this.child.pid as number), 0);
      return true;
    } catch {
      return false;
    }
  }
}
