import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Queue } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { readHistory } from '../../src/flow/history.ts';
import type { Upload } from '../../src/index.ts';
import { QUEUES } from '../../src/queue/names.ts';
import type { LogLine } from '../support/process.ts';
import { withQueue } from '../support/seed.ts';
import { useWorld } from '../support/use-world.ts';
import type { WorkerProcess } from '../support/world.ts';

const MIB = 1048576;

const { world, source, gate, stats, download } = useWorld();

/** A new directory next to the sources. */
const directory = (): Promise<string> => mkdtemp(join(world().sources, '..', 'elsewhere-'));

/** A worker with another source root. */
async function elsewhere(env: Record<string, string> = {}, args: string[] = []): Promise<WorkerProcess> {
  return await world()
    .worker({ SOURCE_ROOTS: await directory(), SOURCE_GRACE_MS: '600000', ...env }, args)
    .ready();
}

const leaves =
  (stage: string) =>
  ({ msg, next, stage: of }: LogLine): boolean =>
    msg === 'attempt failed' && next === 'left' && of === stage;

async function readiness(worker: WorkerProcess): Promise<{ status: number; text: string }> {
  const { statusUrl } = await worker.line(({ msg }) => msg === 'worker is ready');
  const response = await fetch(`${statusUrl}/readyz`);
  return { status: response.status, text: await response.text() };
}

describe('a worker that can’t see the files', () => {
  it('leaves them to another, without a spent attempt', async () => {
    const blind = await elsewhere({ PART_ATTEMPTS: '1' });
    const paths = await Promise.all([...Array(30).keys()].map((index) => source(`seen-${index}.mp4`, 1000)));
    const uploads = await world().uploads.addMany(paths.map((path) => ({ source: path })));
    expect(await blind.line(leaves('hash'))).toMatchObject({
      level: 'warn',
      code: 'SOURCE_OUTSIDE_ROOTS',
      reason: expect.stringContaining(`pid ${blind.pid}: `),
    });
    await world().worker({ PART_ATTEMPTS: '1' }).ready();
    const results = await Promise.all(uploads.map((upload) => upload.result()));
    expect(results.map(({ outcome }) => outcome)).toEqual(Array(30).fill('completed'));
    expect(stats().requests.FinishUpload.byResult).toEqual({ 0: 30 });
    // It stays ready.
    expect((await readiness(blind)).status).toBe(200);
  });

  it('leaves the parts to another that has hashed the file', async () => {
    await world().worker({}, ['--stages', 'upload,hash,init,finish']).ready();
    const blind = await elsewhere({ PART_ATTEMPTS: '1' }, ['--stages', 'part']);
    const path = await source('parts.mp4', 5 * MIB);
    const upload = await world().uploads.add({ source: path });
    await blind.line(leaves('part'));
    await world().worker({ PART_ATTEMPTS: '1' }, ['--stages', 'part']).ready();
    const result = await upload.result();
    expect(result).toMatchObject({ outcome: 'completed', partsSent: 5 });
    expect((await download(result.url)).equals(await readFile(path))).toBe(true);
  });
});

describe('a file that no worker can see', () => {
  it('fails its upload after the grace time, with the worker and its roots as reason', async () => {
    const worker = await elsewhere({ SOURCE_GRACE_MS: '1000' });
    const path = await source('alone.mp4', 1000);
    const upload = await world().uploads.add({ source: path });
    await expect(upload.result()).rejects.toMatchObject({ code: 'SOURCE_OUTSIDE_ROOTS', retryable: false });
    const { message } = (await upload.status()).error ?? {};
    const { roots } = await worker.line(({ msg }) => msg === 'worker is ready');
    expect(message).toContain(`${path} can't be read by any worker that has looked`);
    expect(message).toContain(
      `${hostname()}, pid ${worker.pid} (SOURCE_ROOTS=${roots}): it is outside of them`,
    );
    await worker.line(leaves('hash'));
  });

  it('fails it with all workers that have looked as reason', async () => {
    const path = join(world().sources, 'nowhere.mp4');
    const first = await elsewhere();
    const upload = await world().uploads.add({ source: path, checkSource: false });
    await first.line(leaves('hash'));
    await first.end('SIGTERM');
    const second = await world().worker({ SOURCE_GRACE_MS: '1000' }).ready();
    await expect(upload.result()).rejects.toMatchObject({ code: 'SOURCE_NOT_FOUND' });
    const { message } = (await upload.status()).error ?? {};
    for (const { pid } of [first, second]) expect(message).toContain(`pid ${pid} (SOURCE_ROOTS=`);
  });

  it('is uploaded when it appears within the grace time', async () => {
    const worker = await world().worker({ SOURCE_GRACE_MS: '600000', PART_ATTEMPTS: '1' }).ready();
    const path = join(world().sources, 'late.mp4');
    const upload = await world().uploads.add({ source: path, checkSource: false });
    expect(await worker.line(leaves('hash'))).toMatchObject({ code: 'SOURCE_NOT_FOUND' });
    await rename(await source('late.mp4.new', 1000), path);
    expect((await upload.result()).outcome).toBe('completed');
    const history = await withQueue(world(), (redis) => {
      const queue = new Queue(QUEUES.upload, { connection: redis, prefix: world().prefix });
      return readHistory(queue, upload.id);
    });
    expect(history.map(({ text }) => text)).toContainEqual(
      expect.stringMatching(`left to other workers: .*pid ${worker.pid}: .*late.mp4 does not exist`),
    );
  });

  it('can be cancelled meanwhile', async () => {
    const worker = await world().worker({ SOURCE_GRACE_MS: '600000' }).ready();
    const path = join(world().sources, 'never.mp4');
    const upload = await world().uploads.add({ source: path, checkSource: false });
    await worker.line(leaves('hash'));
    expect(await world().uploads.cancel(upload.id)).toBe(true);
    expect((await upload.status()).state).toBe('cancelled');
  });
});

describe('a root', () => {
  const runs = (worker: WorkerProcess): Promise<number> =>
    worker.metric('vod_worker_running', { queue: 'vod-part' });
  const goes = ({ msg }: LogLine): boolean => String(msg).startsWith('source root is gone');
  const returns = ({ msg }: LogLine): boolean => msg === 'source root is back';

  it.each([
    { what: 'does not exist any more', vanish: (root: string) => rename(root, `${root}.away`) },
    {
      what: 'is an empty directory, as without its mount',
      vanish: async (root: string) => {
        await rename(root, `${root}.away`);
        await mkdir(root);
      },
    },
  ])('that $what stops its worker until it is back, and fails no upload', async ({ vanish }) => {
    const root = await directory();
    const init = gate({ action: 'InitUpload' });
    const env = { SOURCE_ROOTS: root };
    // The hashing worker may still have the file open.
    const workers = [
      await world().worker(env, ['--stages', 'upload,hash,init,finish']).ready(),
      await world().worker(env, ['--stages', 'part']).ready(),
    ];
    const add = (name: string): Promise<Upload> =>
      world().uploads.add({ source: join(root, name), checkSource: false });
    for (const name of ['begun.mp4', 'new.mp4']) await rename(await source(name, MIB), join(root, name));
    const uploads = [await add('begun.mp4')];
    await init.reached();
    await vanish(root);
    init.open();
    uploads.push(await add('new.mp4'));
    for (const worker of workers) {
      expect(await worker.line(goes)).toMatchObject({ root, left: 0 });
      expect(await readiness(worker)).toEqual({
        status: 503,
        text: expect.stringContaining(`${root} of SOURCE_ROOTS is gone`),
      });
      expect(await worker.metric('vod_source_roots_gone')).toBe(1);
      expect(await worker.metric('vod_worker_running', { queue: 'vod-init' })).toBe(
        worker === workers[0] ? 1 : 0,
      );
    }
    expect(await runs(workers[1] as WorkerProcess)).toBe(0);

    await rm(root, { recursive: true, force: true });
    await rename(`${root}.away`, root);
    const results = await Promise.all(uploads.map((upload) => upload.result()));
    expect(results.map(({ outcome }) => outcome)).toEqual(['completed', 'completed']);
    for (const worker of workers) {
      await worker.line(returns);
      expect((await readiness(worker)).status).toBe(200);
    }
    expect(await runs(workers[1] as WorkerProcess)).toBe(1);
  });

  it('of several does not block uploads from the others', async () => {
    const [gone, there] = [await directory(), await directory()];
    const worker = await world()
      .worker({ SOURCE_ROOTS: `${gone}:${there}` })
      .ready();
    await rm(gone, { recursive: true });
    expect(await worker.line(goes)).toMatchObject({ root: gone, left: 1 });
    expect((await readiness(worker)).status).toBe(503);
    const path = join(there, 'there.mp4');
    await writeFile(path, 'a video');
    expect((await (await world().uploads.add({ source: path, checkSource: false })).result()).outcome).toBe(
      'completed',
    );
  });
});
