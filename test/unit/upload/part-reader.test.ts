import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, truncateSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { PartReader } from '../../../src/upload/part-reader.ts';
import { openBytes } from '../source/temp-dir.ts';
import { holdPool } from './held-pool.ts';
import { startedThreads } from './started-threads.ts';

const CHANGED = { name: 'SourceError', code: 'SOURCE_CHANGED', retryable: false };

function newReader(): PartReader {
  const reader = new PartReader();
  onTestFinished(() => reader.close());
  return reader;
}

const room = (size: number): Uint8Array<SharedArrayBuffer> => new Uint8Array(new SharedArrayBuffer(size));
const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');

test('reads many ranges at a time, each with its MD5', async () => {
  const bytes = randomBytes(1_000_003);
  const source = await openBytes(bytes);
  const reader = newReader();
  const ranges = [...Array(101).keys()].map((index) =>
    bytes.subarray(index * 10_000, index * 10_000 + 10_000),
  );
  await Promise.all(
    ranges.map(async (range, index) => {
      const target = room(range.length);
      expect(await reader.read(source, target, index * 10_000)).toBe(md5(range));
      expect(Buffer.compare(target, range)).toBe(0);
    }),
  );
});

test('refuses a file that has been written to, or cut', async () => {
  const source = await openBytes(randomBytes(1000));
  const reader = newReader();
  appendFileSync(source.path, 'more');
  await expect(reader.read(source, room(1000), 0)).rejects.toMatchObject(CHANGED);
  truncateSync(source.path, 500);
  await expect(reader.read(source, room(1000), 0)).rejects.toMatchObject(CHANGED);
});

test('tells what the disk said', async () => {
  const source = await openBytes(randomBytes(10));
  await source.close();
  await expect(newReader().read(source, room(10), 0)).rejects.toMatchObject({
    name: 'SourceError',
    code: 'SOURCE_READ_FAILED',
    retryable: true,
    message: expect.stringContaining(source.path),
  });
});

test('fails what a thread took with it, and goes on with another', async () => {
  const threads = startedThreads();
  const source = await openBytes(randomBytes(10));
  const reader = newReader();
  await reader.read(source, room(10), 0);
  const pool = holdPool();
  const outcomes = Promise.allSettled([1, 2, 3].map(() => reader.read(source, room(10), 0)));
  await threads[0]?.terminate();
  const died = { status: 'rejected', reason: { code: 'HASH_THREAD_DIED', retryable: true } };
  expect(await outcomes).toMatchObject(Array(3).fill(died));
  await pool.letGo();
  await expect(reader.read(source, room(10), 0)).resolves.toMatch(/^[0-9a-f]{32}$/);
  expect(threads).toHaveLength(2);
});

test('closed, it reads no more', async () => {
  const source = await openBytes(randomBytes(10));
  const reader = newReader();
  const lost = reader.read(source, room(10), 0);
  const closed = reader.close();
  await expect(lost).rejects.toMatchObject({ code: 'HASHER_CLOSED', retryable: true });
  await closed;
  await expect(reader.read(source, room(10), 0)).rejects.toMatchObject({ code: 'HASHER_CLOSED' });
});
