import { mkdirSync, mkdtempSync, realpathSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Disk } from '../../../src/source/disk.ts';
import { readCover } from '../../../workers/cover.ts';

const directory = realpathSync(mkdtempSync(join(tmpdir(), 'cover-')));
const root = join(directory, 'inside');
mkdirSync(root);
const disk = new Disk();
afterAll(async () => {
  await disk.close();
  rmSync(directory, { recursive: true });
});

const write = (name: string, content: string): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};
const read = (path: string, roots: readonly string[] = [root], signal = new AbortController().signal) =>
  readCover(path, { disk, roots }, signal);

test('has the bytes of the file, and its extension as type', async () => {
  const path = write('inside/poster.JPG', 'one');
  const { type, bytes } = await read(path);
  expect(type).toBe('jpg');
  expect(Buffer.from(bytes).toString()).toBe('one');
});

test('may be any version of the file', async () => {
  const path = write('inside/poster.png', 'one');
  await read(path);
  write('inside/poster.png', 'another');
  expect(Buffer.from((await read(path)).bytes).toString()).toBe('another');
});

test('can have 10 MiB and no more', async () => {
  const path = write('inside/large.jpg', '');
  truncateSync(path, 10 * 2 ** 20);
  expect((await read(path)).bytes).toHaveLength(10 * 2 ** 20);
  truncateSync(path, 10 * 2 ** 20 + 1);
  await expect(read(path)).rejects.toMatchObject({
    ...{ name: 'SourceError', code: 'SOURCE_TOO_LARGE', retryable: false },
    message: `the cover ${path} has 10485761 bytes; a cover can have at most 10485760 (10 MiB)`,
  });
});

test.each([
  ['inside/missing.jpg', undefined, 'SOURCE_NOT_FOUND', 'does not exist'],
  ['inside/empty.jpg', '', 'SOURCE_EMPTY', 'is empty'],
  ['outside.jpg', 'secret', 'SOURCE_OUTSIDE_ROOTS', 'is outside the directories that SOURCE_ROOTS allows'],
])('is refused with its name: %s', async (name, content, code, problem) => {
  const path = content === undefined ? join(directory, name) : write(name, content);
  await expect(read(path)).rejects.toMatchObject({
    ...{ name: 'SourceError', code },
    message: expect.stringContaining(`the cover ${path} ${problem}`),
  });
});

test('is refused by a worker without roots, which names the variable', async () => {
  const path = write('inside/poster.jpg', 'one');
  await expect(read(path, [])).rejects.toMatchObject({
    code: 'SOURCE_OUTSIDE_ROOTS',
    message: expect.stringMatching(
      /^the cover .*\/poster\.jpg can't be read by this worker, which runs the stage init without SOURCE_ROOTS: set it/,
    ),
  });
});

test('is not read after an abort', async () => {
  const reason = new Error('aborted');
  await expect(read(write('inside/poster.jpg', 'one'), [root], AbortSignal.abort(reason))).rejects.toBe(
    reason,
  );
});
