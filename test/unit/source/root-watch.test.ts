import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Disk } from '../../../src/source/disk.ts';
import type { DirectoryLook } from '../../../src/source/file-operations.ts';
import { isGone, RootWatch } from '../../../src/source/root-watch.ts';
import { tempDir } from './temp-dir.ts';

const full: DirectoryLook = { identity: '1 2', isEmpty: false };
const emptied: DirectoryLook = { identity: '1 2', isEmpty: true };
const otherEmpty: DirectoryLook = { identity: '1 3', isEmpty: true };
const otherFull: DirectoryLook = { identity: '1 3', isEmpty: false };

describe('isGone', () => {
  it.each<[string, DirectoryLook | undefined, DirectoryLook | undefined, boolean]>([
    ['it does not exist', full, undefined, true],
    ['it never existed', undefined, undefined, true],
    ['an empty directory is in its place', full, otherEmpty, true],
    ['an empty directory is in the place of an empty one', emptied, otherEmpty, true],
    ['it was emptied', full, emptied, false],
    ['another with files is in its place', full, otherFull, false],
    ['it is as it was', full, full, false],
    ['it is empty and was never seen before', undefined, emptied, false],
  ])('%s', (_, known, now, gone) => {
    expect(isGone(known, now)).toBe(gone);
  });
});

describe('RootWatch', () => {
  function watch(roots: readonly string[]): RootWatch {
    const disk = new Disk({ threads: 1 });
    const watched = new RootWatch(disk, roots);
    onTestFinished(async () => {
      watched.stop();
      await disk.close();
    });
    return watched;
  }

  it('tells of roots that go and come back', async () => {
    const dir = tempDir();
    const [stays, goes] = [join(dir, 'stays'), join(dir, 'goes')];
    await Promise.all([stays, goes].map((root) => mkdir(root)));
    const roots = watch([stays, goes]);
    const changes: unknown[] = [];
    await roots.start((root, gone) => changes.push([root, gone]));
    expect([roots.gone, roots.unready, changes]).toEqual([[], undefined, []]);

    await rename(goes, `${goes}.away`);
    await roots.look();
    await roots.look();
    expect(roots.gone).toEqual([goes]);
    expect(roots.unready).toContain(`${goes} of SOURCE_ROOTS is gone`);

    // The directory below a mount.
    await mkdir(goes);
    await roots.look();
    expect(roots.gone).toEqual([goes]);

    await rm(goes, { recursive: true });
    await rename(`${goes}.away`, goes);
    await roots.look();
    expect([roots.gone, roots.unready]).toEqual([[], undefined]);
    expect(changes).toEqual([
      [goes, true],
      [goes, false],
    ]);
  });

  it('takes what is mounted anew for what it was', async () => {
    const root = join(tempDir(), 'root');
    await mkdir(root);
    const roots = watch([root]);
    await roots.start(() => {});
    await rename(root, `${root}.old`);
    await mkdir(root);
    await writeFile(join(root, 'a.mp4'), 'a');
    await roots.look();
    expect(roots.gone).toEqual([]);
    await rm(join(root, 'a.mp4'));
    await roots.look();
    expect(roots.gone).toEqual([]);
  });

  it('takes a file or a broken link in its place for gone', async () => {
    const root = join(tempDir(), 'root');
    await mkdir(root);
    const roots = watch([root]);
    await roots.start(() => {});
    await rm(root, { recursive: true });
    await writeFile(root, 'a file');
    await roots.look();
    expect(roots.gone).toEqual([root]);
    await rm(root);
    await symlink('nowhere', root);
    await roots.look();
    expect(roots.gone).toEqual([root]);
  });

  it('leaves it as it was when it can not be told, and has one look at a time', async () => {
    const looks: PromiseWithResolvers<DirectoryLook>[] = [];
    const lookAt = (): Promise<DirectoryLook> => {
      const look = Promise.withResolvers<DirectoryLook>();
      looks.push(look);
      return look.promise;
    };
    const roots = new RootWatch({ lookAt }, ['/srv/videos']);
    onTestFinished(() => roots.stop());
    const started = roots.start(() => {});
    await expect.poll(() => looks.length).toBe(1);
    // These want to know what is there now, and not when the first began.
    const both = [roots.look(), roots.look()];
    expect(looks).toHaveLength(1);
    looks[0]?.reject(new Error('its disk hangs'));
    await started;
    await expect.poll(() => looks.length).toBe(2);
    looks[1]?.resolve(full);
    await Promise.all(both);
    expect(roots.gone).toEqual([]);
  });
});
