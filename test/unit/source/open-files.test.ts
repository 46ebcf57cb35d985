import { appendFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { inspectFile, openFile } from '../../../src/source/file.ts';
import { OpenFiles } from '../../../src/source/open-files.ts';
import type { FileSource } from '../../../src/source/source.ts';
import { PartReader } from '../../../src/upload/part-reader.ts';
import { openDescriptors, tempDir } from './temp-dir.ts';

/** @param lingerMs longer than any test, unless told otherwise */
async function setUp(content: string, lingerMs = 3_600_000) {
  const root = tempDir();
  const path = join(root, 'film.mp4');
  writeFileSync(path, content);
  utimesSync(path, 1_700_000_000, 1_700_000_000);
  const text = async (file: FileSource): Promise<string> => {
    const target = Buffer.alloc(file.size);
    await file.read(target, 0);
    return target.toString();
  };
  const open = () => openDescriptors(root);
  const files = new OpenFiles([root], lingerMs);
  return { open, root, files, path, version: await inspectFile(path, [root]), text };
}

test('opens a file once for all who use it, and closes it a little after the last', async () => {
  const { open, files, path, version, text } = await setUp('bytes', 1);
  const use = async () =>
    await files.use(path, version, async (file) => {
      const read = await text(file);
      expect(open() ?? 1).toBe(1);
      return read;
    });
  expect(await Promise.all([...Array(8)].map(use))).toEqual(Array(8).fill('bytes'));
  await expect.poll(() => open() ?? 0, { timeout: 10_000 }).toBe(0);
  expect(await use()).toBe('bytes');
});

test('takes over what somebody else has opened', async () => {
  const { open, root, files, path, version, text } = await setUp('bytes');
  files.keep(await openFile(path, { roots: [root] }));
  // There already: the second is closed.
  files.keep(await openFile(path, { roots: [root] }));
  await expect.poll(() => open() ?? 1).toBe(1);
  expect(await files.use(path, version, text)).toBe('bytes');
  expect(open() ?? 1).toBe(1);
});

test('closes what it took over and nobody used', async () => {
  const { open, root, files, path } = await setUp('bytes', 1);
  files.keep(await openFile(path, { roots: [root] }));
  await expect.poll(() => open() ?? 0, { timeout: 10_000 }).toBe(0);
});

test('what is open stays what it was, whatever comes under its name', async () => {
  const { files, path, version, text } = await setUp('first');
  await files.use(path, version, text);
  writeFileSync(`${path}.new`, 'other');
  renameSync(`${path}.new`, path);
  expect(await files.use(path, version, text)).toBe('first');
});

test('a file that is deleted while it is sent is read to its end by who has it open', async () => {
  const { files, path, version } = await setUp('first, and the rest');
  const reader = new PartReader();
  onTestFinished(() => reader.close());
  const part = async (offset: number, size: number): Promise<string> => {
    const target = new Uint8Array(new SharedArrayBuffer(size));
    await files.use(path, version, (file) => reader.read(file, target, offset));
    return Buffer.from(target).toString();
  };
  expect(await part(0, 5)).toBe('first');
  rmSync(path);
  expect(await part(5, 14)).toBe(', and the rest');
});

test('looks anew after a failure', async () => {
  const { files, path, version, text } = await setUp('first');
  await files.use(path, version, text);
  appendFileSync(path, ', and more');
  await expect(files.use(path, version, text)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
  rmSync(path);
  await expect(files.use(path, version, text)).rejects.toMatchObject({ code: 'SOURCE_NOT_FOUND' });
});

test('a file that is another version already is refused, and leaves nothing open', async () => {
  const { open, files, path, version, text } = await setUp('first');
  const other = { ...version, mtimeNs: '1' };
  await expect(files.use(path, other, text)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
  expect(open() ?? 0).toBe(0);
});
