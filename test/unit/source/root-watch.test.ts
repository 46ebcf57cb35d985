import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { type DirectoryState, directoryState } from '../../../src/source/directory-state.ts';
import { isGone, RootWatch } from '../../../src/source/root-watch.ts';
import { tempDir } from './temp-dir.ts';

const full: DirectoryState = { identity: '1 2', isEmpty: false };
const emptied: DirectoryState = { identity: '1 2', isEmpty: true };
const otherEmpty: DirectoryState = { identity: '1 3', isEmpty: true };
const otherFull: DirectoryState = { identity: '1 3', isEmpty: false };

describe('isGone', () => {
  it.each<[string, DirectoryState | undefined, DirectoryState | undefined, boolean]>([
    ['it does not exist', full, undefined, true],
    ['it never existed', undefined, undefined, true],
    ['an empty directory is in its place', full, otherEmpty, true],
    ['an empty directory is in the place of an empty one', emptied, otherEmpty, true],
    ['it was emptied', full, emptied, false],
    ['another with files is in its place', full, otherFull, false],
    ['it is unchanged', full, full, false],
    ['it is empty and was never seen before', undefined, emptied, false],
  ])('%s', (_, known, now, gone) => {
    expect(isGone(known, now)).toBe(gone);
  });
});

describe('RootWatch', () => {
  function watch(roots: readonly string[]): RootWatch {
    // Without the threads of a disk, no check takes long.
    const watched = new RootWatch({ directoryState: async (path) => directoryState(path) }, roots);
    onTestFinished(() => watched.stop());
    return watched;
  }

  it('reports roots that go and come back', async () => {
    const dir = tempDir();
    const [stays, goes] = [join(dir, 'stays'), join(dir, 'goes')];
    await Promise.all([stays, goes].map((root) => mkdir(root)));
    const roots = watch([stays, goes]);
    const changes: unknown[] = [];
    await roots.start((root, gone) => changes.push([root, gone]));
    expect([roots.gone, roots.unready, changes]).toEqual([[], undefined, []]);

    await rename(goes, `${goes}.away`);
    await roots.checkNow();
    await roots.checkNow();
    expect(roots.gone).toEqual([goes]);
    expect(roots.unready).toContain(`${goes} of SOURCE_ROOTS is gone`);

    // The directory below a mount.
    await mkdir(goes);
    await roots.checkNow();
    expect(roots.gone).toEqual([goes]);

    await rm(goes, { recursive: true });
    await rename(`${goes}.away`, goes);
    await roots.checkNow();
    expect([roots.gone, roots.unready]).toEqual([[], undefined]);
    expect(changes).toEqual([
      [goes, true],
      [goes, false],
    ]);
  });

  it('treats another directory with files as the same root', async () => {
    const root = join(tempDir(), 'root');
    await mkdir(root);
    const roots = watch([root]);
    await roots.start(() => {});
    await rename(root, `${root}.old`);
    await mkdir(root);
    await writeFile(join(root, 'a.mp4'), 'a');
    await roots.checkNow();
    expect(roots.gone).toEqual([]);
    await rm(join(root, 'a.mp4'));
    await roots.checkNow();
    expect(roots.gone).toEqual([]);
  });

  it('treats a file or a broken link in its place as gone', async () => {
    const root = join(tempDir(), 'root');
    await mkdir(root);
    const roots = watch([root]);
    await roots.start(() => {});
    await rm(root, { recursive: true });
    await writeFile(root, 'a file');
    await roots.checkNow();
    expect(roots.gone).toEqual([root]);
    await rm(root);
    await symlink('nowhere', root);
    await roots.checkNow();
    expect(roots.gone).toEqual([root]);
  });

  it('keeps the last state when the current one is unknown, and runs one check at a time', async () => {
    const checks: PromiseWithResolvers<DirectoryState>[] = [];
    const heldState = (): Promise<DirectoryState> => {
      const check = Promise.withResolvers<DirectoryState>();
      checks.push(check);
      return check.promise;
    };
    const roots = new RootWatch({ directoryState: heldState }, ['/srv/videos']);
    onTestFinished(() => roots.stop());
    const started = roots.start(() => {});
    await expect.poll(() => checks.length).toBe(1);
    // These need the state now, not that at the start of the first check.
    const both = [roots.checkNow(), roots.checkNow()];
    expect(checks).toHaveLength(1);
    checks[0]?.reject(new Error('its disk hangs'));
    await started;
    await expect.poll(() => checks.length).toBe(2);
    checks[1]?.resolve(full);
    expect(await Promise.all(both)).toEqual([true, true]);
    expect(roots.gone).toEqual([]);
  });

  it('starts when each root was checked once, and later gives up a check after a second', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const checks: PromiseWithResolvers<DirectoryState>[] = [];
    const heldState = (): Promise<DirectoryState> => {
      const check = Promise.withResolvers<DirectoryState>();
      checks.push(check);
      return check.promise;
    };
    const roots = new RootWatch({ directoryState: heldState }, ['/srv/videos']);
    onTestFinished(() => roots.stop());
    const steps: string[] = [];
    const started = roots.start(() => {}).then(() => steps.push('started'));
    await vi.advanceTimersByTimeAsync(5000);
    steps.push('checked');
    checks[0]?.resolve(full);
    await started;
    expect(steps).toEqual(['checked', 'started']);
    const later = roots.checkNow();
    await vi.advanceTimersByTimeAsync(1000);
    expect(await later).toBe(false);
  });
});
