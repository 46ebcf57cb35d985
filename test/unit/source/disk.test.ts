import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { appendFileSync, truncateSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Disk } from '../../../src/source/disk.ts';
import type { FileSource } from '../../../src/source/source.ts';
import { useHangingDisk } from '../../support/use-hanging-disk.ts';
import { startedThreads } from '../upload/started-threads.ts';
import { deadDisk, holdTime, passDeadline } from './dead-disk.ts';
import { MD5, openDescriptors, room, tempDir } from './temp-dir.ts';

const CHANGED = { name: 'SourceError', code: 'SOURCE_CHANGED', retryable: false };

function newDisk(options?: ConstructorParameters<typeof Disk>[0]): Disk {
  const disk = new Disk(options);
  onTestFinished(() => disk.close());
  return disk;
}

/** An open file, in its own directory. */
async function openOn(disk: Disk, bytes: Uint8Array, directory = tempDir()): Promise<FileSource> {
  const path = join(directory, `film-${randomBytes(4).toString('hex')}.mp4`);
  writeFileSync(path, bytes);
  return await disk.open(path, { roots: ['/'] });
}

describe('a file', () => {
  test('is read in many ranges concurrently, each with its digest', async () => {
    const bytes = randomBytes(1_000_003);
    const source = await openOn(newDisk(), bytes);
    const ranges = [...Array(101).keys()].map((index) =>
      bytes.subarray(index * 10_000, index * 10_000 + 10_000),
    );
    for (const digest of ['md5', 'sha1'] as const) {
      await Promise.all(
        ranges.map(async (range, index) => {
          const target = room(range.length);
          const expected = createHash(digest).update(range).digest('hex');
          expect(await source.read(target, index * 10_000, { digest })).toBe(expected);
          expect(Buffer.compare(target, range)).toBe(0);
        }),
      );
    }
  });

  test('that was written to or truncated is refused', async () => {
    const source = await openOn(newDisk(), randomBytes(1000));
    appendFileSync(source.path, 'more');
    await expect(source.read(room(1000), 0, MD5)).rejects.toMatchObject(CHANGED);
    truncateSync(source.path, 500);
    await expect(source.read(room(1000), 0, MD5)).rejects.toMatchObject(CHANGED);
  });

  test('stays open when the thread that opened it ends', async () => {
    const threads = startedThreads('disk');
    const source = await openOn(newDisk(), randomBytes(10));
    expect(threads).toHaveLength(1);
    await threads[0]?.terminate();
    await expect(source.read(room(10), 0, MD5)).resolves.toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('a closed disk', () => {
  test('fails all reads', async () => {
    const disk = newDisk();
    const source = await openOn(disk, randomBytes(10));
    const lost = source.read(room(10), 0, MD5);
    const closed = disk.close();
    await expect(lost).rejects.toMatchObject({ code: 'HASHER_CLOSED', retryable: true });
    await closed;
    await expect(source.read(room(10), 0, MD5)).rejects.toMatchObject({ code: 'HASHER_CLOSED' });
  });

  test('ignores replies that arrive later', async () => {
    const threads = startedThreads('disk');
    const disk = newDisk();
    const source = await openOn(disk, randomBytes(10));
    const lost = expect(source.read(room(10), 0, MD5)).rejects.toMatchObject({ code: 'HASHER_CLOSED' });
    const closed = disk.close();
    threads[0]?.emit('message', { kind: 'done', result: 'd41d8cd98f00b204e9800998ecf8427e', diskMs: 1 });
    await closed;
    threads[0]?.emit('message', { kind: 'done', result: 'd41d8cd98f00b204e9800998ecf8427e', diskMs: 1 });
    await lost;
  });
});

describe('a disk that hangs', () => {
  test('blocks neither reads on other disks, nor DNS look-ups, nor other file system calls', async () => {
    const dead = deadDisk();
    holdTime();
    const disk = newDisk({ threads: 6 });
    const dying = await openOn(disk, randomBytes(10), dead.directory);
    const healthy = await openOn(disk, randomBytes(10));
    dead.hang();
    const hung = [...Array(5)].map(() => dying.read(room(10), 0, MD5));
    await expect.poll(() => dead.hung()).toEqual(Array(5).fill('read'));
    await expect(healthy.read(room(10), 0, MD5)).resolves.toMatch(/^[0-9a-f]{32}$/);
    expect((await lookup('localhost')).address).toBeDefined();
    expect((await stat(healthy.path)).size).toBe(10);
    dead.release();
    for (const read of hung) await expect(read).resolves.toMatch(/^[0-9a-f]{32}$/);
  });

  test('lets others continue after a second, even if it blocks all threads', async () => {
    const dead = deadDisk();
    holdTime();
    const disk = newDisk({ threads: 2, timeoutMs: 3_600_000 });
    const dying = await openOn(disk, randomBytes(10), dead.directory);
    const healthy = await openOn(disk, randomBytes(10));
    dead.hang();
    const hung = [...Array(4)].map(() => dying.read(room(10), 0, MD5));
    const read = healthy.read(room(10), 0, MD5);
    // One per thread; the others were sent to the threads as well.
    await expect.poll(() => dead.hung()).toHaveLength(2);
    // A second for each of the reads, from when its thread is ready.
    let dataMd5: string | undefined;
    void read.then((md5) => {
      dataMd5 = md5;
    });
    await expect.poll(() => vi.advanceTimersByTime(1000) && dataMd5).toMatch(/^[0-9a-f]{32}$/);
    expect(dead.hung().length).toBeGreaterThanOrEqual(2);
    dead.release();
    await Promise.all(hung);
  });

  test('fails a read at its time-out, saying what took too long, and can be read again when it is back', async () => {
    const dead = deadDisk();
    holdTime();
    const threads = startedThreads('disk');
    const disk = newDisk({ threads: 1, timeoutMs: 60_000 });
    const source = await openOn(disk, randomBytes(20), dead.directory);
    dead.hang();
    const hung = source.read(room(10), 10, MD5);
    await expect.poll(() => dead.hung()).toEqual(['read']);
    const outcome = hung.catch((error: unknown) => error);
    passDeadline();
    expect(await outcome).toMatchObject({
      name: 'SourceError',
      code: 'SOURCE_READ_FAILED',
      retryable: true,
      message:
        `${source.path} could not be read: reading 10 bytes at offset 10 took longer than 60 s ` +
        '(SOURCE_READ_TIMEOUT_MS); check the disk or the mount that holds it',
    });
    dead.release();
    await expect(source.read(room(10), 10, MD5)).resolves.toMatch(/^[0-9a-f]{32}$/);
    expect(threads).toHaveLength(2);
  });

  test('closes a file that was opened too late', async () => {
    const dead = deadDisk();
    holdTime();
    const disk = newDisk();
    const path = join(dead.directory, 'film.mp4');
    writeFileSync(path, 'film');
    dead.hang();
    const opening = disk.open(path, { roots: ['/'] }).catch((error: unknown) => error);
    await expect.poll(() => dead.hung()).toEqual(['realpath']);
    passDeadline();
    expect((await opening) as Error).toMatchObject({
      code: 'SOURCE_READ_FAILED',
      message: expect.stringContaining(`${path} could not be read: opening it took longer than 60 s`),
    });
    const abort = new AbortController();
    const aborted = disk.open(path, { roots: ['/'], signal: abort.signal }).catch((error: unknown) => error);
    await expect.poll(() => dead.hung()).toHaveLength(2);
    abort.abort(new Error('shutdown'));
    expect(await aborted).toEqual(new Error('shutdown'));
    dead.release();
    // The last request is answered after all others have returned.
    const source = await disk.open(path, { roots: ['/'] });
    await source.close();
    await expect.poll(() => openDescriptors(`${dead.directory}/`) ?? 0).toBe(0);
  });

  test('and a thread that dies with it: the read fails retryably', async () => {
    const dead = deadDisk();
    const threads = startedThreads('disk');
    const disk = newDisk({ threads: 1 });
    const source = await openOn(disk, randomBytes(10), dead.directory);
    dead.hang();
    const [hung, waiting] = [source.read(room(10), 0, MD5), source.read(room(10), 0, MD5)];
    const outcome = hung.catch((error: unknown) => error);
    await expect.poll(() => dead.hung()).toHaveLength(1);
    void threads[0]?.terminate();
    dead.release();
    expect(await outcome).toMatchObject({
      name: 'ThreadError',
      code: 'HASH_THREAD_DIED',
      retryable: true,
      message: `The thread that read ${source.path} died`,
    });
    await expect(waiting).resolves.toMatch(/^[0-9a-f]{32}$/);
    expect(threads).toHaveLength(2);
  });
});

describe('in a separate process', () => {
  const url = (path: string): string => new URL(`../../../src/${path}`, import.meta.url).href;
  /** @param signal kills it when the test times out */
  async function run(script: string, options: { args: string[]; env?: object; signal: AbortSignal }) {
    const { args, env, signal } = options;
    const flags = args.filter((arg) => arg.startsWith('--'));
    const more = args.filter((arg) => !arg.startsWith('--'));
    return await promisify(execFile)(
      process.execPath,
      [...flags, '--input-type=module', '-e', script, ...more],
      { signal, env: { ...process.env, ...env } },
    ).then(
      ({ stdout }) => ({ code: 0, stdout }),
      (error) => ({ code: error.code as number, stdout: error.stdout as string }),
    );
  }

  const imports = `
    import { Disk } from '${url('source/disk.ts')}';
    import { createHasher } from '${url('upload/hash.ts')}';
    import { exitProcess } from '${url('process/exit.ts')}';`;

  test('without a thread, operations fail retryably', async ({ signal }) => {
    const script = `${imports}
      const told = (promise) => promise.catch(({ code, retryable, message }) => [code, retryable, message]);
      const version = { size: 2 ** 21, mtimeNs: '1', inode: '1' };
      const file = { path: '/film.mp4', fd: 1, size: 2 ** 21, version, verify: async () => {} };
      const outcomes = [
        await told(new Disk().open('/film.mp4', { roots: ['/'] })),
        await told(createHasher().hash(file)),
      ];
      process.stdout.write(JSON.stringify(outcomes));`;
    const { stdout } = await run(script, { args: ['--permission', '--allow-fs-read=*'], signal });
    const died = ['HASH_THREAD_DIED', true, 'No thread could be started to read /film.mp4'];
    expect(JSON.parse(stdout)).toEqual([died, died]);
  });

  test.each([0, 3])(
    'hung calls in our threads and in those of Node do not prevent an exit with %i',
    async (code) => {
      const dead = useHangingDisk(join(tempDir(), 'dead'));
      const path = join(dead.directory, 'film.mp4');
      writeFileSync(path, 'film');
      const script = `${imports}
      import { inspectFile } from '${url('source/inspect-file.ts')}';
      import { existsSync, mkdirSync, readFileSync } from 'node:fs';
      const [path, record] = process.argv.slice(1);
      const disk = new Disk();
      disk.open(path, { roots: ['/'] }).catch(() => {});
      inspectFile(path, ['/']).catch(() => {});
      const look = setInterval(async () => {
        if (!existsSync(record) || readFileSync(record, 'utf8').split('\\n').length < 3) return;
        clearInterval(look);
        await disk.close();
        process.stdout.write('exits', () => exitProcess(${code}));
      }, 10);`;
      dead.hang();
      const args = [path, `${dead.directory}.hung`];
      expect(await run(script, { args, env: dead.env, signal: AbortSignal.timeout(50_000) })).toEqual({
        code,
        stdout: 'exits',
      });
    },
  );
});
