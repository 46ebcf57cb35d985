import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, rmSync, truncateSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { FileSource } from '../../../src/source/source.ts';
import { createHasher, type Hasher } from '../../../src/upload/hash.ts';
import { openBytes, openDescriptors, openFile } from '../source/temp-dir.ts';
import { startedThreads } from './started-threads.ts';

const MIB = 1024 * 1024;
/** Takes far longer to hash than a test: a hash that continues is noticed. */
const ENDLESS = 2 ** 42;
/** Too large for the lane of small files. */
const LARGE = 64 * MIB + 1;
/** From `(printf x; head -c 67108864 /dev/zero) | sha1sum`. */
const SHA1_OF_LARGE = '7686372a6222e3c5d25b1bbbd98de26476dbcc89';

/** A sparse file of an `x` and zeros. */
async function openSparse(size: number): Promise<FileSource> {
  const source = await openBytes(Buffer.from('x'));
  await source.close();
  truncateSync(source.path, size);
  const sparse = await openFile(source.path, { roots: ['/'] });
  onTestFinished(() => sparse.close());
  return sparse;
}

/** Reports each MiB, so that tests need not wait for progress. */
function newHasher(threads?: number, progressMs = 0): Hasher {
  const hasher = createHasher({ threads, progressMs });
  onTestFinished(() => hasher.close());
  return hasher;
}

/** `source` with callbacks: at its first verify, which returns at once, and before its second. */
function meddled(source: FileSource, turn: number, meddle: () => void): FileSource {
  let turns = 0;
  return {
    ...({ path: source.path, fd: source.fd, size: source.size, version: source.version } as const),
    read: (target, offset, signal) => source.read(target, offset, signal),
    close: () => source.close(),
    verify: async () => {
      turns++;
      if (turns === turn) meddle();
      if (turns > 1) await source.verify();
    },
  };
}

/** `source` whose verify returns at once, so that its hash waits for a thread after promises have settled. */
const queued = (source: FileSource): FileSource => meddled(source, 0, () => {});

/** Lets promises settle, before messages of threads arrive. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

function sha1(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex');
}

describe('hash', () => {
  test.each([1, MIB - 1, MIB, MIB + 1, 2 * MIB, 5_000_000, 16 * MIB])(
    'of %i bytes is the SHA-1',
    async (size) => {
      const bytes = randomBytes(size);
      expect(await newHasher().hash(await openBytes(bytes))).toBe(sha1(bytes));
    },
  );

  test('reports its progress, as often as allowed, and once at the end', async () => {
    const source = await openBytes(Buffer.alloc(5 * MIB + 1));
    const told = async (progressMs: number): Promise<number[]> => {
      const seen: number[] = [];
      await newHasher(1, progressMs).hash(source, { onProgress: (bytes) => seen.push(bytes) });
      return seen;
    };
    expect(await told(0)).toEqual([1, 2, 3, 4, 5, 5 + 1 / MIB].map((mib) => mib * MIB));
    expect(await told(Number.POSITIVE_INFINITY)).toEqual([source.size]);
  });

  test('hashes many files at once, with no more threads than allowed', async () => {
    const threads = startedThreads();
    const hasher = newHasher(2);
    const files = Array.from({ length: 12 }, (_, i) => randomBytes(2 * MIB + i));
    const sources = await Promise.all(files.map(openBytes));
    const shas = await Promise.all(sources.map((source) => hasher.hash(queued(source))));
    expect(shas).toEqual(files.map(sha1));
    expect(threads).toHaveLength(2);
  });

  test('hashes small files while large ones keep all threads busy', async () => {
    const threads = startedThreads();
    const hasher = newHasher(2);
    const abort = new AbortController();
    const large = await Promise.all([...Array(3)].map(() => openSparse(ENDLESS)));
    const begun = Promise.withResolvers<void>();
    const running = new Set<number>();
    const endless = large.map((source, index) => {
      const onProgress = () => {
        if (running.add(index).size === 2) begun.resolve();
      };
      return hasher.hash(source, { signal: abort.signal, onProgress });
    });
    await begun.promise;
    const small = Buffer.alloc(2 * MIB);
    const sources = await Promise.all([...Array(4)].map(() => openBytes(small)));
    const shas = await Promise.all(sources.map((source) => hasher.hash(source)));
    expect(shas).toEqual(Array(4).fill(sha1(small)));
    expect(threads).toHaveLength(3);
    expect(running.size).toBe(2);
    abort.abort(new Error('enough'));
    for (const hash of endless) await expect(hash).rejects.toThrow('enough');
  });

  test('starts no thread for tiny files, and one for large ones in sequence', async () => {
    const threads = startedThreads();
    const hasher = newHasher();
    const [small, big] = [await openBytes(Buffer.alloc(MIB)), await openBytes(Buffer.alloc(2 * MIB))];
    await hasher.hash(small);
    expect(threads).toHaveLength(0);
    for (let i = 0; i < 5; i++) expect(await hasher.hash(big)).toBe(sha1(Buffer.alloc(2 * MIB)));
    expect(threads).toHaveLength(1);
  });

  test('leaves no descriptor open', async () => {
    const hasher = newHasher();
    const source = await openBytes(Buffer.alloc(2 * MIB));
    for (let i = 0; i < 3; i++) await hasher.hash(source);
    expect([1, undefined]).toContain(openDescriptors(source.path));
    await source.close();
    expect([0, undefined]).toContain(openDescriptors(source.path));
  });
});

describe('an aborted hash', () => {
  test('rejects at once with the reason, and its thread continues with the next file', async () => {
    const threads = startedThreads();
    const hasher = newHasher(1);
    const abort = new AbortController();
    const reason = new Error('shutdown');
    const endless = await openSparse(ENDLESS);
    const begun = Promise.withResolvers<void>();
    const late: number[] = [];
    const onProgress = (hashed: number) => {
      if (abort.signal.aborted) late.push(hashed);
      begun.resolve();
    };
    let rejected: unknown;
    hasher.hash(endless, { signal: abort.signal, onProgress }).catch((thrown: unknown) => {
      rejected = thrown;
    });
    await begun.promise;
    abort.abort(reason);
    await settle();
    expect(rejected).toBe(reason);
    await endless.close();

    expect(await hasher.hash(await openSparse(LARGE))).toBe(SHA1_OF_LARGE);
    expect(threads).toHaveLength(1);
    expect(late).toEqual([]);
  });

  test('rejects while it waits for a thread, and is never started', async () => {
    const hasher = newHasher(1);
    const [first, second] = [new AbortController(), new AbortController()];
    const endless = await openSparse(ENDLESS);
    const large = await openSparse(LARGE);
    const begun = Promise.withResolvers<void>();
    const running = hasher.hash(endless, { signal: first.signal, onProgress: () => begun.resolve() });
    await begun.promise;
    const told: number[] = [];
    const onProgress = (hashed: number) => void told.push(hashed);
    const waiting = hasher.hash(queued(endless), { signal: second.signal, onProgress });
    const next = hasher.hash(queued(large));
    await settle();
    second.abort(new Error('second'));
    await expect(waiting).rejects.toThrow('second');
    first.abort(new Error('first'));
    await expect(running).rejects.toThrow('first');
    expect(await next).toBe(SHA1_OF_LARGE);
    expect(told).toEqual([]);
  });

  test.each([1, 2 * MIB])('of %i bytes does not begin when its signal is aborted already', async (size) => {
    const source = await openBytes(Buffer.alloc(size));
    const reason = new Error('too late');
    await expect(newHasher().hash(source, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe('a file that changes while it is hashed', () => {
  test.each([MIB, 3 * MIB])('is refused when something was appended (%i bytes)', async (size) => {
    const source = await openBytes(Buffer.alloc(size));
    const appended = meddled(source, 2, () => appendFileSync(source.path, 'x'));
    await expect(newHasher().hash(appended)).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
      message: expect.stringContaining(`size was ${size} bytes, is ${size + 1}`),
    });
  });

  test.each([MIB, 3 * MIB])('is refused when it has been shortened (%i bytes)', async (size) => {
    const source = await openBytes(Buffer.alloc(size));
    const shortened = meddled(source, 1, () => truncateSync(source.path, size - MIB / 2));
    await expect(newHasher().hash(shortened)).rejects.toMatchObject({
      code: 'SOURCE_CHANGED',
      retryable: false,
      message: expect.stringContaining(`size was ${size} bytes`),
    });
  });

  test.each([MIB, 3 * MIB])('is refused when it was deleted (%i bytes)', async (size) => {
    const source = await openBytes(Buffer.alloc(size));
    const deleted = meddled(source, 2, () => rmSync(source.path));
    await expect(newHasher().hash(deleted)).rejects.toMatchObject({ code: 'SOURCE_NOT_FOUND' });
  });

  test('is refused before it is read when it has changed already', async () => {
    const threads = startedThreads();
    const source = await openBytes(Buffer.alloc(2 * MIB));
    appendFileSync(source.path, 'x');
    await expect(newHasher().hash(source)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
    expect(threads).toHaveLength(0);
  });
});

describe('failures', () => {
  test('a failed read can be retried, and its thread continues', async () => {
    const threads = startedThreads();
    const hasher = newHasher(1);
    const source = await openBytes(Buffer.alloc(2 * MIB));
    const unreadable = { ...meddled(source, 0, () => undefined), fd: 1_000_000 };
    await expect(hasher.hash(unreadable)).rejects.toMatchObject({
      code: 'SOURCE_READ_FAILED',
      retryable: true,
      message: expect.stringMatching(/film\.mp4 could not be read: EBADF/),
    });
    expect(await hasher.hash(source)).toBe(sha1(Buffer.alloc(2 * MIB)));
    expect(threads).toHaveLength(1);
  });

  test('a thread that dies fails its file, retryably, and is replaced', async () => {
    const threads = startedThreads();
    const hasher = newHasher(1);
    const endless = await openSparse(ENDLESS);
    const large = await openSparse(LARGE);
    const begun = Promise.withResolvers<void>();
    const dying = hasher.hash(endless, { onProgress: () => begun.resolve() });
    await begun.promise;
    const waiting = hasher.hash(queued(large));
    await settle();
    expect(threads).toHaveLength(1);
    void threads[0]?.terminate();
    await expect(dying).rejects.toMatchObject({
      name: 'ThreadError',
      code: 'HASH_THREAD_DIED',
      retryable: true,
    });
    expect(await waiting).toBe(SHA1_OF_LARGE);
    expect(threads).toHaveLength(2);
  });

  test('close fails running, waiting and later hashes', async () => {
    const threads = startedThreads();
    const hasher = newHasher(1);
    const endless = await openSparse(ENDLESS);
    const begun = Promise.withResolvers<void>();
    const running = hasher.hash(endless, { onProgress: () => begun.resolve() });
    await begun.promise;
    const waiting = hasher.hash(queued(endless));
    await settle();
    const outcomes = Promise.allSettled([running, waiting]);
    await hasher.close();
    const refused = { status: 'rejected', reason: { code: 'HASHER_CLOSED', retryable: true } };
    expect(await outcomes).toMatchObject([refused, refused]);
    await expect(hasher.hash(endless)).rejects.toMatchObject({ code: 'HASHER_CLOSED' });
    expect(threads.map((thread) => thread.threadId)).toEqual([-1]);
    await hasher.close();
  });

  test.each([0, -1, 1.5, Number.NaN])('%d threads are refused', (threads) => {
    expect(() => createHasher({ threads })).toThrow(RangeError);
  });
});

describe('in a separate process', () => {
  const hashUrl = new URL('../../../src/upload/hash.ts', import.meta.url).href;
  const diskUrl = new URL('../../../src/source/disk.ts', import.meta.url).href;
  const script = `
    import { createHasher } from '${hashUrl}';
    import { Disk } from '${diskUrl}';
    const source = await new Disk().open(process.argv[1], { roots: ['/'] });
    const fileSha = await createHasher().hash(source);
    await source.close();
    process.stdout.write(fileSha);`;
  /** @param signal kills it when the test times out */
  const run = async (flags: string[], path: string, signal: AbortSignal) => {
    const args = [...flags, '--input-type=module', '-e', script, path];
    return (await promisify(execFile)(process.execPath, args, { signal })).stdout;
  };

  test('idle threads let it end', async ({ signal }) => {
    const source = await openBytes(Buffer.alloc(2 * MIB));
    expect(await run([], source.path, signal)).toBe(sha1(Buffer.alloc(2 * MIB)));
  });
});
