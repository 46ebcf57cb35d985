import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync, rmSync, truncateSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openFile } from '../../../src/source/file.ts';
import type { FileSource } from '../../../src/source/source.ts';
import { createHasher, type Hasher } from '../../../src/upload/hash.ts';
import { openBytes, openDescriptors } from '../source/temp-dir.ts';
import { startedThreads } from './started-threads.ts';

const MIB = 1024 * 1024;
/** Takes far longer to hash than any test may: whatever still works on it shows. */
const ENDLESS = 64 * 1024 * MIB;

/** A file of zeros that takes no room on the disk. */
async function openSparse(size: number): Promise<FileSource> {
  const source = await openBytes(Buffer.from('x'));
  await source.close();
  truncateSync(source.path, size);
  const sparse = await openFile(source.path, { roots: ['/'] });
  onTestFinished(() => sparse.close());
  return sparse;
}

function newHasher(threads?: number): Hasher {
  const hasher = createHasher({ threads });
  onTestFinished(() => hasher.close());
  return hasher;
}

/** `source`, with something done before its first or second verify. */
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

function sha1(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex');
}

describe('hash', () => {
  test.each([1, MIB - 1, MIB, MIB + 1, 2 * MIB, 5_000_000, 64 * MIB])(
    'of %i bytes is the SHA-1',
    async (size) => {
      const bytes = randomBytes(size);
      const source = await openBytes(bytes);
      const seen: number[] = [];
      const fileSha = await newHasher().hash(source, { onProgress: (hashed) => seen.push(hashed) });
      expect(fileSha).toBe(sha1(bytes));
      expect(seen.at(-1)).toBe(size);
      expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
    },
  );

  test('of many files at once is right for each, with no more threads than allowed', async () => {
    const threads = startedThreads();
    const hasher = newHasher(2);
    const files = Array.from({ length: 12 }, (_, i) => randomBytes(2 * MIB + i));
    const sources = await Promise.all(files.map(openBytes));
    const shas = await Promise.all(sources.map((source) => hasher.hash(source)));
    expect(shas).toEqual(files.map(sha1));
    expect(threads).toHaveLength(2);
  });

  test('lets small files pass large ones that keep all threads busy', async () => {
    const threads = startedThreads();
    const hasher = newHasher(2);
    const abort = new AbortController();
    const large = await Promise.all([...Array(3)].map(() => openSparse(ENDLESS)));
    const endless = large.map((source) => hasher.hash(source, { signal: abort.signal }));
    const small = Buffer.alloc(2 * MIB);
    const sources = await Promise.all([...Array(4)].map(() => openBytes(small)));
    const shas = await Promise.all(sources.map((source) => hasher.hash(source)));
    expect(shas).toEqual(Array(4).fill(sha1(small)));
    expect(threads.length).toBeLessThanOrEqual(3);
    abort.abort(new Error('enough'));
    for (const hash of endless) await expect(hash).rejects.toThrow('enough');
  });

  test('starts no thread for small files, and one for all big ones in turn', async () => {
    const threads = startedThreads();
    const hasher = newHasher();
    const [small, big] = [await openBytes(Buffer.alloc(MIB)), await openBytes(Buffer.alloc(2 * MIB))];
    await hasher.hash(small);
    expect(threads).toHaveLength(0);
    for (let i = 0; i < 5; i++) expect(await hasher.hash(big)).toBe(sha1(Buffer.alloc(2 * MIB)));
    expect(threads).toHaveLength(1);
  });

  test('reports progress a few times a second', async () => {
    const abort = new AbortController();
    const seen: { bytes: number; atMs: number }[] = [];
    const onProgress = (bytes: number) => {
      seen.push({ bytes, atMs: performance.now() });
      if (seen.length === 4) abort.abort();
    };
    const source = await openSparse(ENDLESS);
    await expect(newHasher().hash(source, { signal: abort.signal, onProgress })).rejects.toThrow();
    const [first, , , last] = seen;
    for (const [i, { bytes }] of seen.entries()) expect(bytes).toBeGreaterThan(seen[i - 1]?.bytes ?? 0);
    expect((last?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThan(500);
  });

  test('leaves the event loop free and takes constant memory', { timeout: 60_000 }, async () => {
    const hasher = newHasher();
    await hasher.hash(await openSparse(16 * MIB));
    const source = await openSparse(512 * MIB);
    const before = process.memoryUsage.rss();
    const idle = performance.eventLoopUtilization();
    let peak = before;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage.rss());
    }, 20);
    await hasher.hash(source).finally(() => clearInterval(watch));
    expect(performance.eventLoopUtilization(idle).utilization).toBeLessThan(0.3);
    expect(peak - before).toBeLessThan(64 * MIB);
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
  test('rejects at once with the reason, and its thread goes on to the next file', async () => {
    const threads = startedThreads();
    const hasher = newHasher(1);
    const abort = new AbortController();
    const reason = new Error('shutdown');
    let abortedAt = 0;
    const endless = await openSparse(ENDLESS);
    const late: number[] = [];
    const onProgress = (hashed: number) => {
      if (abort.signal.aborted) late.push(hashed);
      abortedAt = performance.now();
      abort.abort(reason);
    };
    await expect(hasher.hash(endless, { signal: abort.signal, onProgress })).rejects.toBe(reason);
    expect(performance.now() - abortedAt).toBeLessThan(100);
    await endless.close();

    const bytes = randomBytes(3 * MIB);
    expect(await hasher.hash(await openBytes(bytes))).toBe(sha1(bytes));
    expect(threads).toHaveLength(1);
    expect(late).toEqual([]);
  });

  test('rejects while it waits for a thread, and is never started', async () => {
    const hasher = newHasher(1);
    const [first, second] = [new AbortController(), new AbortController()];
    const endless = await openSparse(ENDLESS);
    const source = await openBytes(Buffer.alloc(2 * MIB));
    const running = hasher.hash(endless, {
      signal: first.signal,
      onProgress: () => second.abort(new Error('second')),
    });
    const waiting = hasher.hash(endless, { signal: second.signal });
    await expect(waiting).rejects.toThrow('second');
    const next = hasher.hash(source);
    first.abort(new Error('first'));
    await expect(running).rejects.toThrow('first');
    expect(await next).toBe(sha1(Buffer.alloc(2 * MIB)));
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

describe('trouble', () => {
  test('a failed read can be retried, and its thread goes on', async () => {
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
    const source = await openBytes(Buffer.alloc(2 * MIB));
    const dying = hasher.hash(endless, { onProgress: () => void threads[0]?.terminate() });
    const waiting = hasher.hash(source);
    await expect(dying).rejects.toMatchObject({
      name: 'HashError',
      code: 'HASH_THREAD_DIED',
      retryable: true,
    });
    expect(await waiting).toBe(sha1(Buffer.alloc(2 * MIB)));
    expect(threads).toHaveLength(2);
  });

  test('close ends what runs and what waits, and everything after it', async () => {
    const threads = startedThreads();
    const hasher = newHasher(1);
    const endless = await openSparse(ENDLESS);
    const started = Promise.withResolvers<void>();
    const running = hasher.hash(endless, { onProgress: () => started.resolve() });
    // Not before: the file is looked at first, and who comes out of that first is not said.
    await started.promise;
    const waiting = hasher.hash(endless);
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

describe('in a process of its own', () => {
  const hashUrl = new URL('../../../src/upload/hash.ts', import.meta.url).href;
  const fileUrl = new URL('../../../src/source/file.ts', import.meta.url).href;
  const script = `
    import { createHasher } from '${hashUrl}';
    import { openFile } from '${fileUrl}';
    const source = await openFile(process.argv[1], { roots: ['/'] });
    const outcome = await createHasher().hash(source).catch((error) => error.code + ' ' + error.retryable);
    await source.close();
    process.stdout.write(outcome);`;
  const run = async (flags: string[], path: string) =>
    (
      await promisify(execFile)(process.execPath, [...flags, '--input-type=module', '-e', script, path], {
        timeout: 15_000,
      })
    ).stdout;

  test('idle threads let it end', async () => {
    const source = await openBytes(Buffer.alloc(2 * MIB));
    expect(await run([], source.path)).toBe(sha1(Buffer.alloc(2 * MIB)));
  });

  test('a thread that cannot be started fails its file, retryably', async () => {
    const source = await openBytes(Buffer.alloc(2 * MIB));
    expect(await run(['--permission', '--allow-fs-read=*'], source.path)).toBe('HASH_THREAD_DIED true');
  });
});
