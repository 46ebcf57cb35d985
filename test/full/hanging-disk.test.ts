import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import type { HangingDisk } from '../support/hanging-disk.ts';
import { useHangingDisk } from '../support/use-hanging-disk.ts';
import { useWorld } from '../support/use-world.ts';

const MIB = 1048576;
/** Node has four threads for asynchronous calls, and a worker as many that read parts. */
const MORE_THAN_THREADS = 5;

const { world, source, gate, stats, download } = useWorld();

const deadDisk = (): HangingDisk =>
  useHangingDisk(join(world().sources, `dead-${randomBytes(4).toString('hex')}`));

/** Sources on a disk, several, so that their reads hang apart. */
async function sourcesOn(disk: HangingDisk, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, index) => join(basename(disk.directory), `${index}.mp4`));
  return await Promise.all(names.map((name) => source(name, 2 * MIB)));
}

async function expectWhole(url: string | null, path: string): Promise<void> {
  expect((await download(url)).equals(await readFile(path))).toBe(true);
}

it('a disk that hangs keeps files of others from nothing, and its own until it is back', async () => {
  const dead = deadDisk();
  // Names of hosts are looked up for each new connection.
  const endpoint = world().emulator.url.replace('127.0.0.1', 'localhost');
  const worker = world().worker({
    ...dead.env,
    VOD_ENDPOINT: endpoint,
    SOURCE_READ_TIMEOUT_MS: '1000',
    PART_ATTEMPTS: '1000',
    BACKOFF_MAX_MS: '2000',
  });
  await worker.ready();
  const inits = gate({ action: 'InitUpload' });
  const paths = await sourcesOn(dead, 6);
  const uploads = await world().uploads.addMany(paths.map((path) => ({ source: path })));
  await inits.reached(6);
  dead.hang();
  inits.open();
  const late = await source(join(basename(dead.directory), 'late.mp4'), 2 * MIB);
  uploads.push(await world().uploads.add({ source: late }));
  await expect.poll(() => dead.hung().length).toBeGreaterThanOrEqual(MORE_THAN_THREADS);

  const path = await source('healthy.mp4', 20 * MIB);
  const healthy = await (await world().uploads.add({ source: path })).result();
  expect(healthy).toMatchObject({ outcome: 'completed', partsSent: 20 });
  await expectWhole(healthy.url, path);
  for (const stage of ['part', 'hash']) {
    const failed = await worker.line(
      ({ msg, stage: of, reason }) =>
        msg === 'attempt failed' && of === stage && String(reason).includes('SOURCE_READ_TIMEOUT_MS'),
    );
    expect(failed).toMatchObject({ code: 'SOURCE_READ_FAILED', retryable: true, next: 'retried' });
    expect(failed.reason).toContain(`${dead.directory}/`);
  }
  expect((await world().uploads.blockers()).hold).toBeUndefined();
  expect(worker.lines.filter(({ msg }) => msg?.startsWith('vod does not answer'))).toEqual([]);

  dead.release();
  for (const [index, upload] of uploads.entries()) {
    const result = await upload.result();
    expect(result).toMatchObject({ outcome: 'completed', partsSent: 2 });
    await expectWhole(result.url, paths[index] ?? late);
  }
  expect(stats().files.filter(({ finishes }) => finishes !== 1)).toEqual([]);
});

it('a worker whose disk hangs hands its jobs back when it is told to stop, and exits with 0', async () => {
  const dead = deadDisk();
  const worker = world().worker({ ...dead.env, SHUTDOWN_TIMEOUT_MS: '300', PART_ATTEMPTS: '1' });
  await worker.ready();
  const inits = gate({ action: 'InitUpload' });
  const paths = await sourcesOn(dead, 3);
  const uploads = await world().uploads.addMany(paths.map((path) => ({ source: path })));
  await inits.reached(3);
  dead.hang();
  inits.open();
  await expect.poll(() => dead.hung().length).toBeGreaterThanOrEqual(3);
  expect(await worker.end('SIGTERM')).toEqual({ code: 0, signal: null });

  // With a single attempt for each part, one that was spent would fail the upload.
  await world().worker({ PART_ATTEMPTS: '1' }).ready();
  for (const [index, upload] of uploads.entries()) {
    const { url } = await upload.result();
    await expectWhole(url, paths[index] ?? '');
  }
});
