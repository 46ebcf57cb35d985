import { cp, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SCHEMA_VERSION } from '../../src/queue/jobs.ts';
import { LoggedProcess, ROOT } from '../support/process.ts';
import { useWorld } from '../support/use-world.ts';

const MIB = 1048576;

const { world, source, inject, stats } = useWorld();

/** The sources of this program as its next version: all that it writes, this one does not know yet. */
let nextVersion: string;
beforeAll(async () => {
  nextVersion = await realpath(await mkdtemp(join(tmpdir(), 'vod-next-version-')));
  for (const name of ['src', 'workers', 'package.json']) {
    await cp(join(ROOT, name), join(nextVersion, name), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(nextVersion, 'node_modules'));
  const jobs = join(nextVersion, 'src', 'queue', 'jobs.ts');
  const text = await readFile(jobs, 'utf8');
  const next = text.replace(
    `export const SCHEMA_VERSION = ${SCHEMA_VERSION};`,
    `export const SCHEMA_VERSION = ${SCHEMA_VERSION + 1};`,
  );
  expect(next).not.toBe(text);
  await writeFile(jobs, next);
});
afterAll(() => rm(nextVersion, { recursive: true, force: true }));

const oldWorker = () => world().worker().ready();
const newWorker = () =>
  world()
    .worker({}, [], join(nextVersion, 'workers', 'main.ts'))
    .ready();

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
  inject({ action: 'UploadPart', effect: { kind: 'latency', ms: 100 }, share: 1 });
  const old = [await oldWorker(), await oldWorker()] as const;
  const first = await world().uploads.addMany((await sources('old', 15)).map((path) => ({ source: path })));
  await Promise.any(first.map((upload) => upload.result()));
  // Old and new side by side, and producers of both.
  const fresh = [await newWorker()];
  const ids = await addByNewVersion(await sources('new', 15));
  await Promise.any(old.map((worker) => worker.line(({ msg }) => msg === 'job left for newer workers')));
  expect((await old[0].end('SIGTERM')).code).toBe(0);
  fresh.push(await newWorker());
  expect((await old[1].end('SIGTERM')).code).toBe(0);

  const second = await Promise.all(ids.map(async (id) => await world().uploads.get(id)));
  const all = [...first, ...second];
  for (const upload of all) expect((await upload?.result())?.outcome).toBe('completed');
  const { files, requests } = stats();
  expect(files.length).toBe(30);
  expect(files.filter(({ finishes }) => finishes !== 1)).toEqual([]);
  expect(requests.InitUpload.byResult).toEqual({ '0': 30 });
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
  const upload = await world().uploads.get(id);
  expect((await upload?.result())?.outcome).toBe('completed');
});
