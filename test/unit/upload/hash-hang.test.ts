import { createHash } from 'node:crypto';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createHasher, type Hasher } from '../../../src/upload/hash.ts';
import { deadDisk, holdTime, passDeadline } from '../source/dead-disk.ts';
import { openBytes, openFile } from '../source/temp-dir.ts';
import { startedThreads } from './started-threads.ts';

const MIB = 1024 * 1024;
/** Takes far longer to hash than a test: a hash that continues is noticed. */
const ENDLESS = 2 ** 42;

function newHasher(threads: number): Hasher {
  const hasher = createHasher({ threads, progressMs: 0 });
  onTestFinished(() => hasher.close());
  return hasher;
}

async function openEndless(directory: string) {
  const path = join(directory, 'endless.mp4');
  writeFileSync(path, 'x');
  truncateSync(path, ENDLESS);
  const source = await openFile(path, { roots: ['/'] });
  onTestFinished(() => source.close());
  return source;
}

/** Position in bytes when the disk hangs. */
async function begin(hasher: Hasher, directory: string, hang: () => void) {
  let bytesHashed = 0;
  const begun = Promise.withResolvers<void>();
  const onProgress = (bytes: number): void => {
    bytesHashed = bytes;
    begun.resolve();
  };
  const outcome = hasher.hash(await openEndless(directory), { onProgress }).catch((error: unknown) => error);
  await begun.promise;
  hang();
  return { outcome, bytesHashed: () => bytesHashed };
}

test('a file whose disk hangs fails when no byte arrives within the time-out', async () => {
  const dead = deadDisk();
  holdTime();
  const threads = startedThreads();
  const hasher = newHasher(1);
  const { outcome, bytesHashed } = await begin(hasher, dead.directory, () => dead.hang());
  await expect.poll(() => dead.hung()).toEqual(['read']);
  passDeadline();
  expect(await outcome).toMatchObject({
    code: 'SOURCE_READ_FAILED',
    retryable: true,
    message:
      `${dead.directory}/endless.mp4 could not be read: reading from offset ${bytesHashed()} on took longer than 60 s ` +
      '(SOURCE_READ_TIMEOUT_MS); check the disk or the mount that holds it',
  });
  // Its thread does not continue with an abandoned hash.
  dead.release();
  const bytes = Buffer.alloc(3 * MIB);
  const sha1 = createHash('sha1').update(bytes).digest('hex');
  const source = await openBytes(bytes);
  expect(await hasher.hash(source)).toBe(sha1);
  expect(threads.length).toBeLessThanOrEqual(2);
  await hasher.close();
  expect(threads.map((thread) => thread.threadId)).toEqual(threads.map(() => -1));
});

test('files of other disks are hashed, even if one disk blocks all threads', async () => {
  const dead = deadDisk();
  holdTime();
  const hasher = newHasher(1);
  const { outcome } = await begin(hasher, dead.directory, () => dead.hang());
  await expect.poll(() => dead.hung()).toEqual(['read']);
  passDeadline();
  await outcome;
  const bytes = Buffer.alloc(65 * MIB);
  const sha1 = createHash('sha1').update(bytes).digest('hex');
  expect(await hasher.hash(await openBytes(bytes))).toBe(sha1);
  expect(dead.hung()).toHaveLength(1);
  dead.release();
});
