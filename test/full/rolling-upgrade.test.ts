import { cp, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SCHEMA_VERSION } from '../../src/queue/jobs/schema.ts';
import { promoteDelayed } from '../support/delayed.ts';
import { LoggedProcess, ROOT } from '../support/process.ts';
import { type Gate, useWorld } from '../support/use-world.ts';
import type { WorkerProcess } from '../support/world.ts';

const MIB = 1048576;
/** Few, so that none of a worker's parts is read ahead: it has those at work that wait at a gate. */
const SLOTS = 2;

const { world, source, gate, stats } = useWorld();

/** The sources of this program as its next version: all that it writes, this one does not know yet. */
let nextVersion: string;
beforeAll(async () => {
  nextVersion = await realpath(await mkdtemp(join(tmpdir(), 'vod-next-version-')));
  for (const name of ['src', 'workers', 'package.json']) {
    await cp(join(ROOT, name), join(nextVersion, name), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(nextVersion, 'node_modules'));
  const schema = join(nextVersion, 'src', 'queue', 'jobs', 'schema.ts');
  const text = await readFile(schema, 'utf8');
  const next = text.replace(
    `export const SCHEMA_VERSION = ${SCHEMA_VERSION};`,
    `export const SCHEMA_VERSION = ${SCHEMA_VERSION + 1};`,
  );
  expect(next).not.toBe(text);
  await writeFile(schema, next);
});
afterAll(() => rm(nextVersion, { recursive: true, force: true }));

const env = { PART_CONCURRENCY: String(SLOTS), SHUTDOWN_TIMEOUT_MS: '600000' };
const oldWorker = () => world().worker(env).ready();
const newWorker = () =>
  world()
    .worker(env, [], join(nextVersion, 'workers', 'main.ts'))
    .ready();

/** Ends a worker as a rollout does, while it has parts at work, which are answered then. */
async function replace(worker: WorkerProcess, parts: Gate): Promise<void> {
  const ended = worker.end('SIGTERM');
  await worker.line(({ msg }) => msg === 'draining');
  parts.open();
  expect(await ended).toEqual({ code: 0, signal: null });
  expect(worker.lines.find(({ msg }) => msg === 'worker has stopped')).toMatchObject({ drained: true });
}

/** Enqueues files by the next version's command line. @returns the uploads' ids */
async function addByNewVersion(paths: readonly string[]): Promise<string[]> {
  const cli = new LoggedProcess([join(nextVersion, 'src', 'cli.ts'), 'add', '--json', ...paths], {
    REDIS_URL: world().redisUrl,
    QUEUE_PREFIX: world().prefix,
    SOURCE_ROOTS: world().sources,
  });
  expect((await cli.exited).code, cli.output).toBe(0);
  return cli.lines.map(({ id }) => id as string);
}

async function sources(prefix: string, count: number): Promise<string[]> {
  return await Promise.all(
    Array.from({ length: count }, (_, index) => source(`${prefix}-${index}.mp4`, 2 * MIB + index)),
  );
}

it('replaces workers one by one on a backlog: each upload becomes one video, with no attempt spent', async () => {
  const parts = gate({ action: 'UploadPart', after: 3 });
  const old = await Promise.all([oldWorker(), oldWorker()]);
  const first = await world().uploads.addMany((await sources('old', 6)).map((path) => ({ source: path })));
  await parts.reached(2 * SLOTS);
  // Producers of both versions, and then workers of both.
  const ids = await addByNewVersion(await sources('new', 6));
  await Promise.any(old.map((worker) => worker.line(({ msg }) => msg === 'job left for newer workers')));
  const fresh = [await newWorker()];
  await parts.reached(3 * SLOTS);
  const later = gate({ action: 'UploadPart' });
  await replace(old[0], parts);
  await later.reached(2 * SLOTS);
  fresh.push(await newWorker());
  await later.reached(3 * SLOTS);
  await replace(old[1], later);
  await promoteDelayed(world());

  const second = await Promise.all(ids.map(async (id) => await world().uploads.get(id)));
  const all = [...first, ...second];
  for (const upload of all) expect((await upload?.result())?.outcome).toBe('completed');
  const { files, requests } = stats();
  expect(files.length).toBe(12);
  expect(files.filter(({ finishes }) => finishes !== 1)).toEqual([]);
  expect(requests.InitUpload.byResult).toEqual({ '0': 12 });
  for (const worker of [...old, ...fresh]) {
    expect(worker.lines.filter(({ msg }) => msg === 'upload failed')).toEqual([]);
    expect(worker.lines.filter(({ msg, next }) => msg === 'attempt failed' && next !== undefined)).toEqual(
      [],
    );
  }
});

it('leaves what a newer version has written until one runs again, as after a rollback', async () => {
  const old = await oldWorker();
  const [id = ''] = await addByNewVersion(await sources('rolled-back', 1));
  await old.line(({ msg, jobId }) => msg === 'job left for newer workers' && jobId === id);
  // Others go on meanwhile.
  const [path = ''] = await sources('own', 1);
  const own = await world().uploads.add({ source: path });
  expect((await own.result()).outcome).toBe('completed');
  expect(stats().requests.InitUpload.total).toBe(1);
  await old.end('SIGTERM');
  await newWorker();
  await promoteDelayed(world());
  const upload = await world().uploads.get(id);
  expect((await upload?.result())?.outcome).toBe('completed');
});
