import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { type Job, Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import { webhookTarget } from '../../src/notify/webhook-relay.ts';
import { parseHashData } from '../../src/queue/jobs/hash.ts';
import { parsePartData } from '../../src/queue/jobs/part.ts';
import { SCHEMA_VERSION } from '../../src/queue/jobs/schema.ts';
import { QUEUES, type Stage } from '../../src/queue/names.ts';
import { writeRandomFile } from '../support/files.ts';
import { type WorkerProcess, World } from '../support/world.ts';

/*
 * What an attacker with write access to Redis, and nothing else, can make a worker do.
 */

const MIB = 1048576;
const CONFIDENTIAL = 'confidential, and none of VOD’s business';

let world: World;
let redis: Redis;
let worker: WorkerProcess;
let queues: Record<Stage, Queue>;
/** A file outside the roots. */
let outside: string;
/** Paths that might reach it or other files outside the roots. */
let paths: string[];
let seed = 0;

beforeAll(async () => {
  world = await World.create();
  redis = new Redis(world.redisUrl, { maxRetriesPerRequest: null });
  queues = Object.fromEntries(
    Object.entries(QUEUES).map(([stage, name]) => [
      stage,
      new Queue(name, { connection: redis, prefix: world.prefix }),
    ]),
  ) as Record<Stage, Queue>;
  outside = join(dirname(world.sources), 'confidential.txt');
  await writeFile(outside, CONFIDENTIAL);
  await symlink(outside, join(world.sources, 'link.mp4'));
  await symlink(dirname(world.sources), join(world.sources, 'up'));
  await mkdir(`${world.sources}-sibling`);
  await writeFile(`${world.sources}-sibling/video.mp4`, CONFIDENTIAL);
  paths = [
    '/etc/passwd',
    '/proc/self/environ',
    '/proc/self/cwd/package.json',
    outside,
    join(world.sources, '../confidential.txt'),
    `${world.sources}/./x/../../confidential.txt`,
    '../confidential.txt',
    join(world.sources, 'link.mp4'),
    join(world.sources, 'up/confidential.txt'),
    `${world.sources}-sibling/video.mp4`,
    `${outside}\0.mp4`,
    `file://${outside}`,
    world.sources,
    '/dev/zero',
  ];
  worker = await startWorker();
});
afterEach(async () => {
  // The same worker process still works.
  expect(worker.running).toBe(true);
  await uploadHonestly();
  world.emulator.control.resetStats();
});
afterAll(async () => {
  await Promise.all(Object.values(queues).map((queue) => queue.close()));
  redis.disconnect();
  await world.close();
});

/** Locks only expire when a test lets them. */
async function startWorker(): Promise<WorkerProcess> {
  const webhooks = {
    WEBHOOK_SECRETS: `whsec_${Buffer.alloc(24, 7).toString('base64')}`,
    WEBHOOK_ALLOW_PRIVATE: '1',
  };
  return await world.worker({ LOCK_DURATION_MS: '600000', ...webhooks }).ready();
}

/** A new file of three parts. */
async function honestFile(): Promise<string> {
  seed += 1;
  return await writeRandomFile(join(world.sources, `honest-${seed}.mp4`), 2 * MIB + 1, seed);
}

async function uploadHonestly(): Promise<void> {
  const upload = await world.uploads.add({ source: await honestFile() });
  expect((await upload.result()).outcome).toBe('completed');
}

async function ended(job: Job): Promise<string> {
  await expect
    .poll(() => job.getState(), { message: JSON.stringify(job.data).slice(0, 200) })
    .toMatch(/failed|completed/);
  const { failedReason } = await reload(job);
  return failedReason ?? '(it completed)';
}

async function reload(job: Job): Promise<Job> {
  const found = await queues[stageOf(job)].getJob(job.id ?? '');
  if (found === undefined) throw new Error(`job ${job.id} is gone`);
  return found;
}

function stageOf(job: Job): Stage {
  const entry = Object.entries(QUEUES).find(([, name]) => name === job.queueName);
  return entry?.[0] as Stage;
}

/** An upload that seems to be running, so that its forged children are not ignored as late. */
async function livingUpload(): Promise<string> {
  const upload = await world.uploads.add({ source: await honestFile(), delay: 3_600_000 });
  return upload.id;
}

const requests = (): number => {
  const { InitUpload, UploadPart, FinishUpload } = world.emulator.control.stats().requests;
  return InitUpload.total + UploadPart.total + FinishUpload.total;
};

test('a part of a file outside the roots is neither read nor sent, with any path', async () => {
  const uploadId = await livingUpload();
  const forged: { source: string; job: Job }[] = [];
  for (const source of paths) {
    // All fields are correct: the attacker knows the file, its times and its inode.
    const stats = await stat(source.replaceAll('\0', ''), { bigint: true }).catch(() => undefined);
    const size = Math.max(1, Number(stats?.size ?? 5n));
    const data = {
      schema: SCHEMA_VERSION,
      uploadId,
      run: { attempt: 1, round: 0 },
      source,
      hashed: {
        fileSha: createHash('sha1').update(source).digest('hex'),
        version: { size, mtimeNs: String(stats?.mtimeNs ?? 1n), inode: String(stats?.ino ?? 1n) },
      },
      partSize: MIB,
      offset: 0,
      dataSize: Math.min(size, 20),
    };
    expect(() => parsePartData(data)).not.toThrow();
    forged.push({ source, job: await queues.part.add('forged', data) });
  }
  for (const { source, job } of forged) {
    expect(await ended(job), source).toMatch(/\[SOURCE_(OUTSIDE_ROOTS|NOT_FOUND|NOT_A_FILE)\]$/);
  }
  expect(requests()).toBe(0);
});

test('hashes and uploads of files outside the roots are refused too', async () => {
  const uploadId = await livingUpload();
  const forged: { source: string; job: Job }[] = [];
  for (const source of paths) {
    const data = { schema: SCHEMA_VERSION, uploadId, run: { attempt: 1, round: 0 }, source };
    expect(() => parseHashData(data)).not.toThrow();
    forged.push({ source, job: await queues.hash.add('forged', data) });
    const upload = await queues.upload.add('forged', {
      schema: SCHEMA_VERSION,
      source,
      video: { name: 'x', type: 'mp4', partSize: MIB },
      priority: 5,
      nonce: 'n',
    });
    forged.push({ source, job: upload });
  }
  for (const { source, job } of forged) expect(await ended(job), source).toMatch(/\[SOURCE_\w+\]$/);
  expect(requests()).toBe(0);
  // No visible reason contains the content of the file.
  expect(worker.output).not.toContain(CONFIDENTIAL);
});

/** `[[[[…]]]]` */
const nested = (depth: number): unknown => JSON.parse(`${'['.repeat(depth)}${']'.repeat(depth)}`);

test('invalid data fails at once with a reason', async () => {
  const part = {
    schema: SCHEMA_VERSION,
    uploadId: 'u',
    run: { attempt: 1, round: 0 },
    source: join(world.sources, 'x'),
    hashed: { fileSha: 'a'.repeat(40), version: { size: 10, mtimeNs: '1', inode: '1' } },
    partSize: MIB,
    offset: 0,
    dataSize: 10,
  };
  const senseless: unknown[] = [
    {},
    [],
    'text',
    0,
    null,
    nested(1000),
    { ...part, schema: 0 },
    { ...part, dataSize: 2 ** 53 },
    { ...part, dataSize: 1e308 },
    { ...part, dataSize: -1 },
    { ...part, dataSize: MIB + 1 },
    { ...part, offset: -1 },
    { ...part, offset: 1.5 },
    { ...part, offset: '0' },
    { ...part, partSize: 1 },
    { ...part, source: 7 },
    { ...part, source: ['/etc/passwd'] },
    { ...part, hashed: { ...part.hashed, fileSha: '../../etc/passwd' } },
    { ...part, hashed: { ...part.hashed, version: nested(500) } },
    JSON.parse('{"__proto__":{"schema":1},"constructor":{"prototype":{}}}'),
  ];
  const forged: { stage: Stage; what: string; job: Job }[] = [];
  for (const stage of ['upload', 'hash', 'init', 'part', 'finish', 'transcode', 'webhook'] as const) {
    for (const data of senseless) {
      const job = await queues[stage].add('forged', data, { attempts: 1000, backoff: 1 });
      forged.push({ stage, what: `${stage} ${JSON.stringify(data).slice(0, 100)}`, job });
    }
  }
  for (const { stage, what, job } of forged) {
    const reason = await ended(job);
    expect(reason, what).toMatch(/\[(INVALID_JOB|SOURCE_\w+)\]$|^\(it completed\)$/);
    expect(reason.length, what).toBeLessThan(500);
    // A part or hash of an unknown upload is skipped, or refused because of its file.
    if (reason === '(it completed)') expect(stage, what).toBe('part');
  }
  expect(requests()).toBe(0);
});

test('an invalid webhook fails at once, and nothing is sent', async () => {
  let received = 0;
  const server = createServer((_, response) => {
    received += 1;
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  const target = webhookTarget(url);
  const payload = {
    id: 'u1-lx-r1',
    type: 'upload.failed',
    timestamp: new Date().toISOString(),
    data: {
      uploadId: 'u1',
      attempt: 1,
      state: 'failed',
      failure: { code: 'X', message: 'x', retryable: true },
    },
  };
  const webhook = { schema: SCHEMA_VERSION, uploadId: 'u1', target, url, payload };
  const forged = [
    [{ ...webhook, payload: { ...payload, id: 'u1\r\nx: y' } }, 'INVALID_JOB'],
    [{ ...webhook, payload: { ...payload, id: '\u4e00' } }, 'INVALID_JOB'],
    [{ ...webhook, uploadId: 'u2' }, 'INVALID_JOB'],
    [{ ...webhook, after: `${payload.id}-${target}` }, 'INVALID_JOB'],
    [{ ...webhook, target: 'f'.repeat(16) }, 'WEBHOOK_URL'],
  ] as const;
  for (const [data, code] of forged) {
    const id = `${data.payload.id.replace(/\W/g, '-')}-${data.target}`;
    const job = await queues.webhook.add('forged', data, {
      attempts: 1000,
      backoff: { type: 'custom' },
      jobId: id,
    });
    expect(await ended(job), JSON.stringify(data)).toMatch(new RegExp(`\\[${code}\\]$`));
    await job.remove();
  }
  expect(received).toBe(0);
});

test('a job with invalid JSON affects only that job', async () => {
  await queues.part.pause();
  const broken = await Promise.all(
    ['{broken', '[['.repeat(20_000), '\xff\x00', '"'.repeat(9)].map(async (text) => {
      const job = await queues.part.add('forged', {});
      await redis.hset(queues.part.toKey(job.id ?? ''), 'data', text);
      return job.id ?? '';
    }),
  );
  await queues.part.resume();
  await uploadHonestly();
  const errors = () => worker.lines.filter(({ msg }) => msg === 'worker error').length;
  await expect.poll(errors).toBe(4);
  // They are retried once each time their locks have expired, not in a busy loop.
  await world.expireLocks();
  await expect.poll(errors).toBe(8);
  await uploadHonestly();
  expect(errors()).toBe(8);
  await redis.unlink(...broken.map((id) => queues.part.toKey(id)));
});

test('other keys may contain anything', async () => {
  const { prefix } = world;
  await redis.publish(`${prefix}:vod-abort`, '{"$":"\0'.repeat(1000));
  await redis.publish(`${prefix}:vod-abort`, '');
  // Later messages are still received.
  const { control } = world.emulator;
  control.inject({ action: 'UploadPart', effect: { kind: 'gate', name: 'cancelled' } });
  const cancelled = await world.uploads.add({ source: await honestFile() });
  await control.gateReached('cancelled', 1);
  expect(await world.uploads.cancel(cancelled.id)).toBe(true);
  await expect(cancelled.result()).rejects.toMatchObject({ code: 'CANCELLED' });

  const holds = ['vod-hold', 'vod-api-hold'].map((name) => `${prefix}:${name}`);
  for (const key of holds) await redis.set(key, '{broken');
  // The worker reads them at its start.
  await worker.end('SIGTERM');
  worker = await startWorker();
  await uploadHonestly();
  await redis.del(...holds);
  expect(await readFile(outside, 'utf8')).toBe(CONFIDENTIAL);
});
