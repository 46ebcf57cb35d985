import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join, relative } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { inspectFile } from '../../../src/source/inspect-file.ts';
import { type OpenedFile, openFile as openNow } from '../../../src/source/open-file.ts';
import { inSteps } from './steps.ts';
import { openDescriptors, openFile, tempDir } from './temp-dir.ts';

/** `inside/` is the only root; `outside/secret.mp4` must never be read. */
function twoDirectories() {
  const directory = tempDir();
  const root = join(directory, 'inside');
  const outside = join(directory, 'outside');
  mkdirSync(root);
  mkdirSync(outside);
  const film = join(root, 'film.mp4');
  const secret = join(outside, 'secret.mp4');
  writeFileSync(film, 'public');
  writeFileSync(secret, 'secret');
  return { directory, root, outside, film, secret, roots: [root] };
}

async function expectRefusal(path: string, roots: string[], code: string, words: string): Promise<void> {
  for (const attempt of [() => openFile(path, { roots }), () => inspectFile(path, roots)]) {
    await expect(attempt()).rejects.toMatchObject({
      name: 'SourceError',
      code,
      retryable: false,
      message: expect.stringContaining(words),
    });
  }
}

describe('openFile accepts', () => {
  test('a regular file inside a root, and returns its version', async () => {
    const { film, roots, directory } = twoDirectories();
    utimesSync(film, 1_700_000_000, 1_700_000_000);
    const source = await openFile(film, { roots });
    expect(source).toMatchObject({ path: film, size: 6 });
    expect(source.version).toEqual(await inspectFile(film, roots));
    expect(source.version).toMatchObject({ size: 6, mtimeNs: '1700000000000000000' });
    expect(source.version.inode).toMatch(/^\d+$/);
    expect([1, undefined]).toContain(openDescriptors(directory));
    await source.close();
    await source.close();
    expect([0, undefined]).toContain(openDescriptors(directory));
  });

  test('links and .. that end inside a root', async () => {
    const { root, outside, film, roots } = twoDirectories();
    symlinkSync(film, join(outside, 'link.mp4'));
    symlinkSync(root, join(outside, 'dir'));
    const relativePath = relative(process.cwd(), film);
    for (const path of [
      `${outside}/link.mp4`,
      `${outside}/dir/film.mp4`,
      `${outside}/../inside/film.mp4`,
      relativePath,
    ]) {
      expect(await inspectFile(path, roots)).toMatchObject({ size: 6 });
    }
  });

  test('any file when / is a root', async () => {
    const { secret } = twoDirectories();
    expect(await inspectFile(secret, ['/'])).toMatchObject({ size: 6 });
  });
});

describe('openFile refuses', () => {
  test('a file outside the roots, naming them and the variable', async () => {
    const { secret, root } = twoDirectories();
    await expectRefusal(
      secret,
      [root, '/srv/films'],
      'SOURCE_OUTSIDE_ROOTS',
      `${secret} is outside the directories that SOURCE_ROOTS allows (${root}, /srv/films)`,
    );
  });

  test('a device outside the roots without opening it', async () => {
    await expectRefusal('/dev/null', [tempDir()], 'SOURCE_OUTSIDE_ROOTS', '/dev/null is outside');
  });

  test('every way out of the roots', async () => {
    const { root, outside, secret, roots } = twoDirectories();
    symlinkSync(secret, join(root, 'link.mp4'));
    symlinkSync('../outside', join(root, 'dir'));
    symlinkSync('link.mp4', join(root, 'twice.mp4'));
    for (const way of ['link.mp4', 'twice.mp4', 'dir/secret.mp4', '../outside/secret.mp4']) {
      const path = `${root}/${way}`;
      await expectRefusal(
        path,
        roots,
        'SOURCE_OUTSIDE_ROOTS',
        `${path} leads to ${outside}/secret.mp4, outside`,
      );
    }
  });

  test('a directory whose name only starts like a root', async () => {
    const { directory, roots } = twoDirectories();
    mkdirSync(join(directory, 'inside-out'));
    writeFileSync(join(directory, 'inside-out/a.mp4'), 'x');
    await expectRefusal(`${directory}/inside-out/a.mp4`, roots, 'SOURCE_OUTSIDE_ROOTS', 'outside');
  });

  test('anything but a regular file, without blocking', async () => {
    const { root, roots } = twoDirectories();
    const fifo = join(root, 'fifo.mp4');
    execFileSync('mkfifo', [fifo]);
    const socket = join(root, 'socket.mp4');
    const server = createServer().listen(socket);
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    await expectRefusal(
      fifo,
      roots,
      'SOURCE_NOT_A_FILE',
      'fifo.mp4 is a named pipe (FIFO); only regular files',
    );
    await expectRefusal(socket, roots, 'SOURCE_NOT_A_FILE', 'is a socket');
    await expectRefusal(root, roots, 'SOURCE_NOT_A_FILE', 'is a directory');
    await expectRefusal('/dev/null', ['/'], 'SOURCE_NOT_A_FILE', 'is a character device');
  });

  test('a missing file', async () => {
    const { root, film, roots } = twoDirectories();
    symlinkSync('nowhere', join(root, 'dangling'));
    symlinkSync('circle', join(root, 'circle'));
    for (const path of [`${root}/gone.mp4`, `${film}/x`, `${root}/dangling`]) {
      await expectRefusal(path, roots, 'SOURCE_NOT_FOUND', `${path} does not exist; check the path`);
    }
    await expectRefusal(`${root}/circle`, roots, 'SOURCE_NOT_FOUND', 'circle');
    await expectRefusal(`${root}/${'x'.repeat(300)}`, roots, 'SOURCE_NOT_FOUND', 'too long');
    await expectRefusal('', roots, 'SOURCE_NOT_FOUND', '"" is not the path of a file');
    await expectRefusal(`${film}\0.txt`, roots, 'SOURCE_NOT_FOUND', 'is not the path of a file');
  });

  test('a name that is not UTF-8, or leads to one, saying so', async () => {
    const { root, roots } = twoDirectories();
    const latin1 = Buffer.from(`${root}/caf\u00e9.mp4`, 'latin1');
    writeFileSync(latin1, 'x');
    mkdirSync(Buffer.from(`${root}/\u00fc`, 'latin1'));
    writeFileSync(Buffer.from(`${root}/\u00fc/a.mp4`, 'latin1'), 'x');
    symlinkSync(latin1, `${root}/link.mp4`);
    // As Node decodes an argument with such bytes.
    for (const path of [`${root}/caf\ufffd.mp4`, `${root}/\ufffd/a.mp4`, `${root}/link.mp4`]) {
      await expectRefusal(
        path,
        roots,
        'SOURCE_NOT_UTF8',
        `${path} has, or leads to, a name that is not valid UTF-8`,
      );
    }
    // The character � itself is valid.
    writeFileSync(`${root}/\ufffd.mp4`, '123456');
    expect(await inspectFile(`${root}/\ufffd.mp4`, roots)).toMatchObject({ size: 6 });
  });

  test('an empty file', async () => {
    const { root, roots } = twoDirectories();
    writeFileSync(join(root, 'empty.mp4'), '');
    await expectRefusal(`${root}/empty.mp4`, roots, 'SOURCE_EMPTY', 'empty.mp4 is empty');
  });

  test('a file or directory that this process may not read', async () => {
    const { root, film, roots } = twoDirectories();
    mkdirSync(join(root, 'closed'));
    writeFileSync(join(root, 'closed/a.mp4'), 'x');
    chmodSync(film, 0);
    chmodSync(join(root, 'closed'), 0);
    await withoutRoot(async () => {
      for (const path of [film, `${root}/closed/a.mp4`]) {
        await expectRefusal(path, roots, 'SOURCE_PERMISSION', `${path} may not be read by this process`);
      }
    });
  });

  test('a file of another version than expected, with the differences', async () => {
    const { root, film, roots } = twoDirectories();
    utimesSync(film, 1_700_000_000, 1_700_000_000);
    const version = await inspectFile(film, roots);
    const attempt = (mtimeNs = version.mtimeNs) => openFile(film, { roots, expect: { ...version, mtimeNs } });
    await (await attempt()).close();

    await expect(attempt('1700000000000000001')).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
      retryable: false,
      message:
        `${film} changed while it was being uploaded: modification time was 2023-11-14T22:13:20.000000001Z, ` +
        'is 2023-11-14T22:13:20.000000000Z; upload it again when nothing writes to it any more',
    });
    writeFileSync(film, '');
    await expect(attempt()).rejects.toThrow(/changed .*size was 6 bytes, is 0; modification time was/);
    writeFileSync(join(root, 'new.mp4'), 'PUBLIC');
    utimesSync(join(root, 'new.mp4'), 1_700_000_000, 1_700_000_000);
    renameSync(join(root, 'new.mp4'), film);
    // The same file may have another inode on another machine.
    await (await attempt()).close();
    renameSync(film, `${film}.moved`);
    await expect(attempt()).rejects.toMatchObject({
      code: 'SOURCE_NOT_FOUND',
      message: expect.stringContaining('was deleted or moved while it was being uploaded'),
    });
  });

  test('without leaving a descriptor open', async () => {
    const { directory, root, film, roots } = twoDirectories();
    writeFileSync(join(root, 'empty.mp4'), '');
    const stale = { size: 5, mtimeNs: '1', inode: '1' };
    for (let i = 0; i < 20; i++) {
      await openFile(join(root, 'empty.mp4'), { roots }).catch(() => undefined);
      await openFile(film, { roots, expect: stale }).catch(() => undefined);
      await inspectFile(film, roots);
    }
    expect([0, undefined]).toContain(openDescriptors(directory));
  });

  test.skipIf(!existsSync('/proc/self/fd'))(
    'a path that is moved out of the roots between any two steps of the open',
    async () => {
      const { root, outside, directory, roots } = twoDirectories();
      const dir = join(root, 'dir');
      mkdirSync(dir);
      writeFileSync(join(dir, 'secret.mp4'), 'public');
      symlinkSync(outside, join(root, 'link'));
      const read = contentsOf(join(dir, 'secret.mp4'), roots, () => exchange(dir, join(root, 'link')));
      // Of the 7 steps, both checks of the path, the open and the last check of the file must find the file inside.
      expect(read).toEqual({ public: 2 ** 3, secret: 0, refused: 2 ** 7 - 2 ** 3 });
      expect(openDescriptors(directory)).toBe(0);
    },
  );

  test('a FIFO that replaces the file between any two steps, without blocking', async () => {
    const { root, film, roots } = twoDirectories();
    const fifo = join(root, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const read = contentsOf(film, roots, () => exchange(film, fifo));
    expect(read).toEqual({ public: 2 ** 4, secret: 0, refused: 2 ** 7 - 2 ** 4 });
  });
});

function exchange(name: string, other: string): void {
  renameSync(name, `${name}.aside`);
  renameSync(other, name);
  renameSync(`${name}.aside`, other);
}

/** How often each file is opened when the name changes to another file, or back, before any of the steps. */
function contentsOf(path: string, roots: string[], exchangeNames: () => void) {
  const read = { public: 0, secret: 0, refused: 0 };
  const open = (): OpenedFile => openNow(path, roots, undefined);
  let steps = 0;
  closeSync(inSteps(open, () => steps++).fd);
  for (let course = 0; course < 2 ** steps; course++) {
    let exchanged = false;
    const become = (wanted: boolean): void => {
      if (wanted !== exchanged) exchangeNames();
      exchanged = wanted;
    };
    read[contentOf(() => inSteps(open, (step) => become(((course >> step) & 1) === 1)))]++;
    become(false);
  }
  return read;
}

function contentOf(open: () => OpenedFile): 'public' | 'secret' | 'refused' {
  try {
    const { fd } = open();
    const content = readFileSync(fd, 'utf8');
    closeSync(fd);
    return content as 'public' | 'secret';
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return 'refused';
  }
}

/** Runs an action as user nobody, as permissions do not apply to root. */
async function withoutRoot(run: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return run();
  process.seteuid?.(65534);
  try {
    await run();
  } finally {
    process.seteuid?.(0);
  }
}
