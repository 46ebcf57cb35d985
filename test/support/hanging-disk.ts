import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';

/** A directory as on a disk that can hang, for the processes and threads that start with its environment. */
export class HangingDisk {
  readonly directory: string;
  readonly #gate: string;
  readonly #record: string;
  readonly #writers: number[] = [];
  #hangs = false;

  /** @param directory without symbolic links; two files beside it, of its name and more, are made use of */
  constructor(directory: string) {
    this.directory = directory;
    this.#gate = `${directory}.gate`;
    this.#record = `${directory}.hung`;
  }

  get env(): Readonly<Record<'NODE_OPTIONS' | 'HANGING_DISK', string>> {
    const preload = new URL('./hanging-calls.ts', import.meta.url).href;
    return { NODE_OPTIONS: `--import=${preload}`, HANGING_DISK: this.directory };
  }

  /** From now on calls for its files do not return. */
  hang(): void {
    execFileSync('mkfifo', [this.#gate]);
    this.#hangs = true;
  }

  /** Calls that have not returned, in their order, or had not before {@link release}. */
  hung(): readonly string[] {
    try {
      return readFileSync(this.#record, 'utf8').split('\n').slice(0, -1);
    } catch {
      return [];
    }
  }

  /** Lets all calls return. */
  release(): void {
    if (!this.#hangs) return;
    this.#hangs = false;
    // No more come to it, and all that wait, or are about to, go on.
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
