import { appendFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { inspectFile } from '../../../src/source/inspect-file.ts';
import { OpenFileCache } from '../../../src/source/open-file-cache.ts';
import type { FileSource } from '../../../src/source/source.ts';
import { disk, MD5, openDescriptors, openFile, room, tempDir } from './temp-dir.ts';

async function setUp(content: string) {
  const root = tempDir();
  const path = join(root, 'film.mp4');
  writeFileSync(path, content);
  utimesSync(path, 1_700_000_000, 1_700_000_000);
  const text = async (file: FileSource): Promise<string> => {
    const target = room(file.size);
    await file.read(target, 0, MD5);
    return Buffer.from(target).toString();
  };
  const open = () => openDescriptors(root);
  return {
    open,
    root,
    files: new OpenFileCache(disk, [root]),
    path,
    version: await inspectFile(path, [root]),
    text,
  };
}

/** Polling without timers, which are fake here. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(setImmediate);
}

/** Fakes the timers that close files a second after their last use. */
function holdTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
}

test('opens a file once for all uses, and closes it a second after the last', async () => {
  holdTime();
  const { open, files, path, version, text } = await setUp('bytes');
  const read = await Promise.all([...Array(8)].map(() => files.use(path, version, text)));
  expect(read).toEqual(Array(8).fill('bytes'));
  vi.advanceTimersByTime(999);
  await files.use(path, version, text);
  vi.advanceTimersByTime(999);
  expect(open() ?? 1).toBe(1);
  vi.advanceTimersByTime(1);
  await until(() => (open() ?? 0) === 0);
});

test('takes ownership of an open file', async () => {
  holdTime();
  const { open, root, files, path, version, text } = await setUp('bytes');
  files.add(await openFile(path, { roots: [root] }));
  // The cache has it already: the second is closed.
  files.add(await openFile(path, { roots: [root] }));
  await until(() => (open() ?? 1) === 1);
  expect(await files.use(path, version, text)).toBe('bytes');
  expect(open() ?? 1).toBe(1);
  vi.advanceTimersByTime(1000);
  await until(() => (open() ?? 0) === 0);
});

test('an open file keeps its content when another one replaces it', async () => {
  const { files, path, version, text } = await setUp('first');
  await files.use(path, version, text);
  writeFileSync(`${path}.new`, 'other');
  renameSync(`${path}.new`, path);
  expect(await files.use(path, version, text)).toBe('first');
});

test('opens the file again after a failure', async () => {
  const { files, path, version, text } = await setUp('first');
  await files.use(path, version, text);
  appendFileSync(path, ', and more');
  await expect(files.use(path, version, text)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
  rmSync(path);
  await expect(files.use(path, version, text)).rejects.toMatchObject({ code: 'SOURCE_NOT_FOUND' });
});

test('a file of another version is refused and closed', async () => {
  const { open, files, path, version, text } = await setUp('first');
  const other = { ...version, mtimeNs: '1' };
  await expect(files.use(path, other, text)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
  expect(open() ?? 0).toBe(0);
});
