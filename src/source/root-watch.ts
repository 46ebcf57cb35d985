import { fulfilledWithin } from '../base/fulfilled-within.ts';
import type { Disk } from './disk.ts';
import type { DirectoryLook } from './file-operations.ts';

/** How often each root is looked at. */
const LOOK_MS = 2000;

/** Whoever wants to know at once waits so long: a root whose disk hangs is told by its reads. */
const WAIT_MS = 1000;

/** Told when a root has gone, or is back. */
export type RootChange = (root: string, isGone: boolean) => void;

/**
 * Whether a root is gone: it does not exist, or another, empty directory is in its place, as where nothing is mounted any
 * more. One that was emptied is not gone.
 * @param known what was there before; undefined when nothing is known
 * @param now undefined when there is nothing
 */
export function isGone(known: DirectoryLook | undefined, now: DirectoryLook | undefined): boolean {
  if (now === undefined) return true;
  return known !== undefined && now.isEmpty && now.identity !== known.identity;
}

/** Looks now and then whether the directories that sources are in, or their mounts, are still there. */
export class RootWatch {
  readonly #disk: Pick<Disk, 'lookAt'>;
  readonly #roots: readonly string[];
  readonly #known = new Map<string, DirectoryLook>();
  readonly #gone = new Set<string>();
  /** Looks that have not ended, by root: one at a time, and none more while a disk hangs. */
  readonly #looks = new Map<string, Promise<void>>();
  #onChange: RootChange = () => {};
  #timer: NodeJS.Timeout | undefined;

  /** @param roots absolute directories as `resolveRoots` returns them */
  constructor(disk: Pick<Disk, 'lookAt'>, roots: readonly string[]) {
    this.#disk = disk;
    this.#roots = roots;
  }

  get roots(): readonly string[] {
    return this.#roots;
  }

  /** Those that are gone. */
  get gone(): readonly string[] {
    return this.#roots.filter((root) => this.#gone.has(root));
  }

  /** Why this process can't do all its work, for people. */
  get unready(): string | undefined {
    const { gone } = this;
    if (gone.length === 0) return undefined;
    return `${gone.join(', ')} of SOURCE_ROOTS is gone, or nothing is mounted there any more`;
  }

  async start(onChange: RootChange): Promise<void> {
    this.#onChange = onChange;
    this.#timer = setInterval(() => {
      for (const root of this.#roots) void this.#lookAt(root);
    }, LOOK_MS).unref();
    await this.look();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Looks at all of them as they are now. Never rejects, and takes no longer than a second. */
  async look(): Promise<void> {
    await fulfilledWithin(Promise.all(this.#roots.map((root) => this.#lookAfresh(root))), WAIT_MS);
  }

  async #lookAfresh(root: string): Promise<void> {
    // That one may have seen what was there a moment before.
    await this.#looks.get(root);
    await this.#lookAt(root);
  }

  #lookAt(root: string): Promise<void> {
    const underWay = this.#looks.get(root);
    if (underWay !== undefined) return underWay;
    const look = this.#disk
      .lookAt(root)
      .then((now) => this.#seen(root, now))
      // What can't be told leaves it as it was.
      .catch(() => {})
      .finally(() => this.#looks.delete(root));
    this.#looks.set(root, look);
    return look;
  }

  #seen(root: string, now: DirectoryLook | undefined): void {
    const known = this.#known.get(root);
    const gone = isGone(known, now);
    if (now !== undefined && !gone) this.#known.set(root, now);
    if (gone === this.#gone.has(root)) return;
    if (gone) this.#gone.add(root);
    else this.#gone.delete(root);
    this.#onChange(root, gone);
  }
}
