import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';

/** A directory whose file calls can hang, in processes and threads that start with its environment. */
export class HangingDisk {
  readonly directory: string;
  readonly #gate: string;
  readonly #record: string;
  readonly #writers: number[] = [];
  #hangs = false;

  /** @param directory without symbolic links; two files next to it, with its name as prefix, are used too */
  constructor(directory: string) {
    this.directory = directory;
    this.#gate = `${directory}.gate`;
    this.#record = `${directory}.hung`;
  }

  get env(): Readonly<Record<'NODE_OPTIONS' | 'HANGING_DISK', string>> {
    const preload = new URL('./hanging-calls.ts', import.meta.url).href;
    return { NODE_OPTIONS: `--import=${preload}`, HANGING_DISK: this.directory };
  }

  /** Makes calls for its files hang. */
  hang(): void {
    execFileSync('mkfifo', [this.#gate]);
    this.#hangs = true;
  }

  /** Calls that hang or hung before {@link release}, in order. */
  hung(): readonly string[] {
    try {
      return readFileSync(this.#record, 'utf8').split('\n').slice(0, -1);
    } catch {
      return [];
    }
  }

  /** Lets all hanging calls return. */
  release(): void {
    if (!this.#hangs) return;
    this.#hangs = false;
    // After the rename no new call finds the FIFO; the writer lets all waiting ones continue.
    const open = `${this.#gate}.open`;
    renameSync(this.#gate, open);
    this.#writers.push(openSync(open, 'r+'));
    rmSync(open);
  }

  close(): void {
    this.release();
    for (const writer of this.#writers.splice(0)) closeSync(writer);
    rmSync(this.#record, { force: true });
  }
}
