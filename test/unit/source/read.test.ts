import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  mkdirSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MD5, openBytes, room } from './temp-dir.ts';

const CHANGED = { name: 'SourceError', code: 'SOURCE_CHANGED', retryable: false };

/** An open file whose modification time is long ago, so that every write changes it. */
async function openSource(bytes: Uint8Array | string = 'some bytes') {
  const source = await openBytes(bytes);
  return { root: dirname(source.path), path: source.path, source };
}

describe('read', () => {
  test('fills the target from the offset', async () => {
    const bytes = randomBytes(300_000);
    const { source } = await openSource(bytes);
    for (const [start, end] of [
      [0, 300_000],
      [0, 1],
      [299_999, 300_000],
      [123_456, 234_567],
      [7, 7],
    ] as const) {
      const target = room(end - start);
      await source.read(target, start, MD5);
      expect(Buffer.compare(target, bytes.subarray(start, end))).toBe(0);
    }
  });

  test('fills a view without changing the bytes around it', async () => {
    const { source } = await openSource('abc');
    const slot = room(5).fill(46);
    await source.read(slot.subarray(1, 4), 0, MD5);
    expect(Buffer.from(slot).toString()).toBe('.abc.');
  });

  test('refuses ranges outside the file', async () => {
    const { source } = await openSource('abc');
    for (const [length, offset] of [
      [4, 0],
      [1, 3],
      [1, -1],
      [1, 0.5],
      [1, Number.NaN],
    ] as const) {
      await expect(source.read(room(length), offset, MD5)).rejects.toBeInstanceOf(RangeError);
    }
  });

  test('rejects with the reason of an aborted signal', async () => {
    const { source } = await openSource();
    const reason = new Error('shutdown');
    await expect(source.read(room(4), 0, { ...MD5, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test('notices bytes that were appended', async () => {
    const { source, path } = await openSource('abc');
    appendFileSync(path, 'd');
    await expect(source.read(room(3), 0, MD5)).rejects.toMatchObject({
      ...CHANGED,
      message: expect.stringContaining(
        `${path} changed while it was being uploaded: size was 3 bytes, is 4;`,
      ),
    });
  });

  test('notices bytes that were cut off', async () => {
    const { source, path } = await openSource('abc');
    truncateSync(path, 1);
    await expect(source.read(room(3), 0, MD5)).rejects.toMatchObject({
      ...CHANGED,
      message: expect.stringContaining('size was 3 bytes, is 1'),
    });
  });

  test('notices other bytes of the same size', async () => {
    const { source, path } = await openSource('abc');
    writeFileSync(path, 'xyz');
    await expect(source.read(room(3), 0, MD5)).rejects.toMatchObject({
      ...CHANGED,
      message: expect.stringContaining('modification time was 2023-11-14T22:13:20.000000000Z, is '),
    });
  });

  test('fails after close', async () => {
    const { source } = await openSource('abc');
    await source.close();
    expect(source.fd).toBe(-1);
    await expect(source.read(room(3), 0, MD5)).rejects.toMatchObject({ code: 'SOURCE_READ_FAILED' });
    await expect(source.verify()).rejects.toMatchObject({ code: 'SOURCE_READ_FAILED' });
  });
});

describe('verify', () => {
  test('accepts an untouched file', async () => {
    const { source } = await openSource();
    await expect(source.verify()).resolves.toBeUndefined();
  });

  test.each<[string, (path: string) => void, string]>([
    ['appended', (path) => appendFileSync(path, 'x'), 'size was 10 bytes, is 11'],
    ['truncated', (path) => truncateSync(path, 9), 'size was 10 bytes, is 9'],
    ['touched', (path) => utimesSync(path, 1_700_000_000, 1_700_000_000.001), 'is 2023-11-14T22:13:20.00'],
    ['replaced by another directory entry', replaceByRename, 'it was replaced by another file (inode was '],
    ['replaced by a directory', replaceByDirectory, 'it was replaced by another file'],
  ])('notices a file that was %s', async (_, change, words) => {
    const { source, path } = await openSource();
    change(path);
    await expect(source.verify()).rejects.toMatchObject({
      ...CHANGED,
      message: expect.stringContaining(words),
    });
  });

  test('notices a deleted file, although its bytes can still be read', async () => {
    const { source, path } = await openSource('abc');
    rmSync(path);
    await source.read(room(3), 0, MD5);
    await expect(source.verify()).rejects.toMatchObject({
      code: 'SOURCE_NOT_FOUND',
      retryable: false,
      message: expect.stringContaining(`${path} was deleted or moved while it was being uploaded`),
    });
  });
});

/** Same bytes, size and time: only the inode differs. */
function replaceByRename(path: string): void {
  writeFileSync(`${path}.new`, 'some bytes');
  utimesSync(`${path}.new`, 1_700_000_000, 1_700_000_000);
  renameSync(`${path}.new`, path);
}

function replaceByDirectory(path: string): void {
  renameSync(path, `${path}.old`);
  mkdirSync(path);
}
