import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Disk } from '../../../src/source/disk.ts';
import type { PoolThread } from '../../../src/source/pool-thread.ts';
import type { FileSource } from '../../../src/source/source.ts';
import { ThreadPool } from '../../../src/source/thread-pool.ts';
import { ThreadSet } from '../../../src/source/thread-set.ts';
import { createHasher } from '../../../src/upload/hash.ts';
import { writeSparseFile } from '../../support/files.ts';
import { startedThreads } from '../upload/started-threads.ts';
import { holdTime } from './dead-disk.ts';
import { MD5, room, tempDir } from './temp-dir.ts';

const MIB = 1024 * 1024;
/** Takes far longer to hash than a test. */
const ENDLESS = 2 ** 42;

/** On a busy machine a read may take a second; then it would be replaced as one on a disk that hangs. */
function shared() {
  holdTime();
  const set = new ThreadSet('files');
  const disk = new Disk({ set, threads: 2 });
  const hasher = createHasher({ set, threads: 1, progressMs: 0 });
  onTestFinished(() => set.close());
  return { set, disk, hasher };
}

/** Reads all of a file at a time, in 16 ranges. */
async function readAll(source: FileSource): Promise<void> {
  const length = source.size / 16;
  await Promise.all([...Array(16).keys()].map((index) => source.read(room(length), index * length, MD5)));
}

test('one thread opens, hashes and checks a file, and with a second one reads its parts', async () => {
  const threads = startedThreads('files');
  const { disk, hasher } = shared();
  const bytes = randomBytes(4 * MIB);
  const path = join(tempDir(), 'film.mp4');
  writeFileSync(path, bytes);
  const source = await disk.open(path, { roots: ['/'] });
  expect(await hasher.hash(source)).toBe(createHash('sha1').update(bytes).digest('hex'));
  expect(threads).toHaveLength(1);
  await readAll(source);
  expect(threads).toHaveLength(2);
});

test('reads never wait for a hash', async () => {
  const threads = startedThreads('files');
  const { disk, hasher } = shared();
  const path = await writeSparseFile(join(tempDir(), 'endless.mp4'), ENDLESS);
  const source = await disk.open(path, { roots: ['/'] });
  const abort = new AbortController();
  const begun = Promise.withResolvers<void>();
  const hash = hasher.hash(source, { signal: abort.signal, onProgress: () => begun.resolve() });
  await begun.promise;
  await Promise.all(Array.from({ length: 16 }, (_, index) => source.read(room(MIB), index * MIB, MD5)));
  expect(threads).toHaveLength(3);
  abort.abort(new Error('enough'));
  await expect(hash).rejects.toThrow('enough');
});

/** A pool of 2 threads, or 4 for disks with a high latency, whose requests end when told. */
function fakePool() {
  const pending = new Map<PoolThread, ((result: unknown, diskMs: number) => void)[]>();
  const threads: PoolThread[] = [];
  const set = new ThreadSet('fake');
  set.busy = () => threads.filter(({ load }) => load > 0);
  set.take = () => {
    const idle = threads.find(({ load }) => load === 0);
    if (idle !== undefined) return idle;
    const ends: ((result: unknown, diskMs: number) => void)[] = [];
    const thread = {
      get load() {
        return ends.length;
      },
      isSlow: false,
      send: (_request: unknown, { resolve }: { resolve: (result: unknown, diskMs: number) => void }) => {
        ends.push(resolve);
        return () => {};
      },
    } as unknown as PoolThread;
    pending.set(thread, ends);
    threads.push(thread);
    return thread;
  };
  const pool = new ThreadPool({ set, threads: 2, extraThreads: 2, depth: 5, timeoutMs: 60_000 });
  let used = 0;
  return {
    threads,
    /** Threads that carried out the last requests. */
    inUse: () => used,
    /** Starts 10 requests, and ends each after it took this long on the disk. */
    async run(diskMs: (index: number) => number): Promise<void> {
      const request = { kind: 'close', path: '/film.mp4', fd: 1 } as const;
      const running = Array.from({ length: 10 }, () => pool.run(request, { describe: () => 'closing it' }));
      used = threads.filter(({ load }) => load > 0).length;
      const ends = [...pending.values()].flatMap((all) => all.splice(0));
      for (const [index, end] of ends.entries()) end(undefined, diskMs(index));
      await Promise.all(running);
    },
  };
}

test('more threads are used while requests mostly wait for their disk, and no longer', async () => {
  const { threads, inUse, run } = fakePool();
  await run(() => 5);
  await run(() => 50);
  expect(threads).toHaveLength(2);
  await run(() => 0);
  expect(threads).toHaveLength(4);
  for (let turn = 0; turn < 4; turn++) await run(() => 0);
  expect(inUse()).toBe(2);
});

test('one request that took long starts no thread', async () => {
  const { threads, run } = fakePool();
  await run((index) => (index === 0 ? 300 : 1));
  await run(() => 1);
  expect(threads).toHaveLength(2);
});
