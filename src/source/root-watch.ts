import { fulfilledWithin } from '../base/fulfilled-within.ts';
import type { DirectoryState } from './directory-state.ts';
import type { Disk } from './disk.ts';

const CHECK_INTERVAL_MS = 2000;

/** `checkNow` waits at most this long for a disk that hangs. */
const CHECK_NOW_MS = 1000;

/** Called when a root has gone or is back. */
export type RootChange = (root: string, isGone: boolean) => void;

/**
 * Whether a root is gone: it does not exist, or a different, empty directory is in its place, as after an unmount. A root
 * whose files were deleted is not gone.
 * @param known its last state; undefined if unknown
 * @param now undefined if it does not exist
 */
export function isGone(known: DirectoryState | undefined, now: DirectoryState | undefined): boolean {
  if (now === undefined) return true;
  return known !== undefined && now.isEmpty && now.identity !== known.identity;
}

/** Checks periodically whether the roots, or the file systems mounted there, still exist. */
export class RootWatch {
  readonly #disk: Pick<Disk, 'directoryState'>;
  readonly #roots: readonly string[];
  readonly #known = new Map<string, DirectoryState>();
  readonly #gone = new Set<string>();
  /** Running checks by root: one at a time, so that a hung disk gets no further ones. */
  readonly #checks = new Map<string, Promise<void>>();
  #onChange: RootChange = () => {};
  #timer: NodeJS.Timeout | undefined;

  /** @param roots absolute directories as returned by `resolveRoots` */
  constructor(disk: Pick<Disk, 'directoryState'>, roots: readonly string[]) {
    this.#disk = disk;
    this.#roots = roots;
  }

  get roots(): readonly string[] {
    return this.#roots;
  }

  get gone(): readonly string[] {
    return this.#roots.filter((root) => this.#gone.has(root));
  }

  /** Why this process is not ready, for people; undefined if it is. */
  get unready(): string | undefined {
    const { gone } = this;
    if (gone.length === 0) return undefined;
    return `${gone.join(', ')} of SOURCE_ROOTS is gone, or nothing is mounted there any more`;
  }

  /** Resolves after the first check of each root, on which later ones depend, or when the disk's time limit is over. */
  async start(onChange: RootChange): Promise<void> {
    this.#onChange = onChange;
    this.#timer = setInterval(() => {
      for (const root of this.#roots) void this.#check(root);
    }, CHECK_INTERVAL_MS).unref();
    await Promise.all(this.#roots.map((root) => this.#check(root)));
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Checks all roots. Never rejects. @returns whether that took less than a second; if not, their state is unknown */
  async checkNow(): Promise<boolean> {
    return await fulfilledWithin(
      Promise.all(this.#roots.map((root) => this.#checkAgain(root))),
      CHECK_NOW_MS,
    );
  }

  async #checkAgain(root: string): Promise<void> {
    // A running check may have read an earlier state.
    await this.#checks.get(root);
    await this.#check(root);
  }

  #check(root: string): Promise<void> {
    const running = this.#checks.get(root);
    if (running !== undefined) return running;
    const check = this.#disk
      .directoryState(root)
      .then((now) => this.#update(root, now))
      // If the state can't be read, the last one remains.
      .catch(() => {})
      .finally(() => this.#checks.delete(root));
    this.#checks.set(root, check);
    return check;
  }

  #update(root: string, now: DirectoryState | undefined): void {
    const known = this.#known.get(root);
    const gone = isGone(known, now);
    if (now !== undefined && !gone) this.#known.set(root, now);
    if (gone === this.#gone.has(root)) return;
    if (gone) this.#gone.add(root);
    else this.#gone.delete(root);
    this.#onChange(root, gone);
  }
}
