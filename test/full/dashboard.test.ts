import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { formatDuration } from '../../src/base/format.ts';
import { QUEUES, type Stage } from '../../src/queue/names.ts';
import { openQueues, type Queues } from '../../src/queue/queues.ts';
import { formsOf, SIGNED_URL } from '../support/leaks.ts';
import { startProducer } from '../support/producer.ts';
import { startRestrictedRedis } from '../support/redis.ts';
import { useOps } from '../support/use-ops.ts';
import { useWorld } from '../support/use-world.ts';
import { SECRET_ID, SECRET_KEY } from '../support/world.ts';

const MIB = 1048576;
const PASSWORD = 'planted0password0of0redis';

const { world, source, inject, gate, stats } = useWorld();
const ops = useOps(world);

let redis: Redis;
let queues: Queues;
beforeAll(() => {
  redis = new Redis(world().redisUrl);
  queues = openQueues(redis, world().prefix, { producer: true });
});
afterAll(async () => {
  await Promise.all(Object.values(queues).map((queue) => queue.close()));
  redis.disconnect();
});

interface Answer {
  readonly status: number;
  readonly error?: string;
  readonly message?: string;
  readonly retried?: number;
}

/** Calls the API of a button: `press('upload', `${id}/retry`)`. */
async function press(stage: Stage, path: string, body?: object, method = 'PUT'): Promise<Answer> {
  const response = await fetch(`${ops().url}/dashboard/api/queues/${QUEUES[stage]}/${path}`, {
    method,
    ...(body !== undefined && {
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    }),
  });
  const text = await response.text();
  return { status: response.status, ...(text !== '' && JSON.parse(text)) };
}

/** An upload that failed at the last of four parts, which a worker with one slot sends in order. */
async function failedUpload(name: string) {
  const effect = { kind: 'code', code: -10006, canRetry: 0 } as const;
  inject({ action: 'UploadPart', offset: 3 * MIB, effect });
  const upload = await world().uploads.add({ source: await source(name, 4 * MIB) });
  await expect(upload.result()).rejects.toThrow('-10006');
  return upload;
}

/** Changes the end of a job to `ageMs` ago. */
async function endedAgo(queue: Queue, id: string, ms: number): Promise<void> {
  const at = Date.now() - ms;
  await redis.hset(queue.toKey(id), 'finishedOn', at);
  for (const state of ['completed', 'failed']) await redis.zadd(queue.toKey(state), 'XX', at, id);
}

const stateOf = async (upload: { status(): Promise<{ state: string }> }) => (await upload.status()).state;

describe('retry', () => {
  it('of an upload sends only missing parts; retry of a part retries its upload', async () => {
    await world().worker({ PART_CONCURRENCY: '1' }).ready();
    for (const [stage, jobOf] of [
      ['upload', (id: string) => id],
      ['part', (id: string) => `${id}-r1-p3`],
    ] as const) {
      world().emulator.control.resetStats();
      const upload = await failedUpload(`of-${stage}.mp4`);
      expect(stats().parts.accepted).toBe(3);
      expect(await press(stage, `${jobOf(upload.id)}/retry`)).toEqual({ status: 204 });
      await expect.poll(() => stateOf(upload)).toBe('completed');
      expect(stats().parts).toMatchObject({ accepted: 4, duplicates: 0 });
      expect((await upload.status()).attempt).toBe(2);
      // The upload has completed, but its failed part is still listed.
      expect(await press(stage, `${jobOf(upload.id)}/retry`)).toEqual({
        status: 409,
        error: 'Not done',
        message: `upload ${upload.id} is completed; only a failed or cancelled one can be retried`,
      });
    }
    expect(await press('upload', 'retry/completed')).toMatchObject({
      status: 403,
      message: 'Only failed uploads can be retried: a completed one has its video.',
    });
  });

  it('of all skips cancelled uploads', async () => {
    await world().worker({ PART_CONCURRENCY: '1' }).ready();
    const failed = [await failedUpload('failed-1.mp4'), await failedUpload('failed-2.mp4')];
    expect(await press('upload', 'retry/failed')).toEqual({ status: 200, retried: 2, skipped: 0 });
    for (const upload of failed) await expect.poll(() => stateOf(upload)).toBe('completed');
    const again = await failedUpload('failed-3.mp4');
    const cancelled = await world().uploads.add({
      source: await source('cancelled.mp4', MIB),
      delay: 3_600_000,
    });
    await world().uploads.cancel(cancelled.id);
    await expect.poll(() => stateOf(cancelled)).toBe('cancelled');
    expect(await press('upload', 'retry/failed')).toEqual({
      status: 409,
      error: 'Not done',
      message: 'Retried: 1. Not retried: 1 cancelled; retry those one by one.',
    });
    await expect.poll(() => stateOf(again)).toBe('completed');
    expect(await stateOf(cancelled)).toBe('cancelled');
    // Retrying all parts too retries each upload once, and completed ones not at all.
    const last = await failedUpload('failed-4.mp4');
    expect(await press('part', 'retry/failed')).toEqual({ status: 200, retried: 1, skipped: 0 });
    await expect.poll(() => stateOf(last)).toBe('completed');
  });
});

describe('promote', () => {
  it('starts one or all delayed uploads', async () => {
    await world().worker().ready();
    const delay = 3_600_000;
    const sources = await Promise.all([1, 2, 3].map((index) => source(`later-${index}.mp4`, MIB)));
    const uploads = await world().uploads.addMany(sources.map((path) => ({ source: path, delay })));
    expect(await press('upload', `${uploads[0]?.id}/promote`)).toEqual({ status: 204 });
    expect(await uploads[0]?.result()).toMatchObject({ outcome: 'completed' });
    expect(await queues.upload.getDelayedCount()).toBe(2);
    expect(await press('upload', 'promote')).toEqual({ status: 200 });
    for (const upload of uploads) expect(await upload.result()).toMatchObject({ outcome: 'completed' });
    expect(await press('upload', `${uploads[0]?.id}/promote`)).toMatchObject({
      status: 409,
      message: `job ${uploads[0]?.id} is completed; only a delayed one can be promoted`,
    });
  });
});

describe('remove', () => {
  it('cancels a running upload, which can be retried, and removes an ended one', async () => {
    await world().worker({ PART_CONCURRENCY: '1' }).ready();
    const parts = gate({ action: 'UploadPart', after: 3 });
    const upload = await world().uploads.add({ source: await source('removed.mp4', 10 * MIB) });
    await parts.reached();
    expect(await press('part', `${upload.id}-r1-p9/clean`)).toMatchObject({
      status: 409,
      message: `this job is needed by upload ${upload.id}: cancel the upload to remove its jobs`,
    });
    expect(await press('upload', `${upload.id}/clean`)).toEqual({ status: 204 });
    await expect.poll(() => stateOf(upload)).toBe('cancelled');
    expect(await queues.part.getJobCountByTypes('wait', 'prioritized', 'delayed')).toBe(0);
    await expect.poll(() => parts.waiting()).toBe(0);
    world().emulator.control.clearFaults();
    expect(await press('upload', `${upload.id}/retry`)).toEqual({ status: 204 });
    await expect.poll(() => stateOf(upload)).toBe('completed');
    expect(stats().parts).toMatchObject({ accepted: 10, duplicates: 0 });
    expect(await press('upload', `${upload.id}/clean`)).toEqual({ status: 204 });
    expect(await world().uploads.get(upload.id)).toBeUndefined();
    expect(await press('upload', `${upload.id}/clean`)).toEqual({
      status: 404,
      error: 'Not done',
      message: `vod-upload has no job ${upload.id} (any more)`,
    });
  });

  it('of all removes only uploads that ended some time ago', async () => {
    await world().worker({ PART_CONCURRENCY: '1' }).ready();
    const done = await world().uploads.add({ source: await source('done.mp4', MIB) });
    await done.result();
    const recent = await world().uploads.add({ source: await source('recent.mp4', MIB) });
    await recent.result();
    const failed = await failedUpload('failed.mp4');
    const later = await world().uploads.add({ source: await source('later.mp4', MIB), delay: 3_600_000 });
    await endedAgo(queues.upload, done.id, 60_000);
    // Longer than the test.
    await endedAgo(queues.upload, recent.id, -3_600_000);
    expect((await press('upload', 'clean/completed')).status).toBe(200);
    expect(await world().uploads.get(done.id)).toBeUndefined();
    expect(await stateOf(recent)).toBe('completed');
    expect(await stateOf(failed)).toBe('failed');
    await endedAgo(queues.part, `${failed.id}-r1-p3`, 60_000);
    expect((await press('part', 'clean/failed')).status).toBe(200);
    expect(await queues.part.getFailedCount()).toBe(0);
    // The upload can be retried without the removed part job.
    expect((await press('upload', `${failed.id}/retry`)).status).toBe(204);
    await expect.poll(() => stateOf(failed)).toBe('completed');
    for (const state of ['wait', 'delayed', 'active', 'prioritized', 'paused', 'waiting-children']) {
      expect(await press('upload', `clean/${state}`)).toMatchObject({ status: 403 });
    }
    expect(await stateOf(later)).toBe('queued');
  });

  it('distinguishes jobs from other keys of a queue', async () => {
    await world().worker().ready();
    const metaOf = () => redis.hgetall(queues.upload.toKey('meta'));
    const meta = await metaOf();
    expect(meta).not.toEqual({});
    for (const action of ['clean', 'retry', 'promote']) {
      expect(await press('upload', `meta/${action}`)).toMatchObject({ status: 404 });
    }
    expect(await metaOf()).toEqual(meta);
  });
});

it('pauses and resumes', async () => {
  await world().worker().ready();
  const known = await source('known.mp4', MIB);
  await (await world().uploads.add({ source: known })).result();
  world().emulator.control.resetStats();
  expect((await press('part', 'pause')).status).toBe(200);
  const upload = await world().uploads.add({ source: await source('paused.mp4', 4 * MIB) });
  await expect.poll(() => queues.part.getPrioritizedCount()).toBe(4);
  // The worker processes other queues meanwhile.
  const other = await world().uploads.add({ source: known });
  expect(await other.result()).toMatchObject({ outcome: 'instant' });
  expect(await queues.part.getPrioritizedCount()).toBe(4);
  expect(stats().requests.UploadPart.total).toBe(0);
  expect((await press('part', 'resume')).status).toBe(200);
  expect(await upload.result()).toMatchObject({ outcome: 'completed', partsSent: 4 });
  const all = (what: string) =>
    fetch(`${ops().url}/dashboard/api/queues/${what}`, { method: 'PUT' }).then(({ status }) => status);
  expect(await all('pause')).toBe(200);
  expect(await queues.init.isPaused()).toBe(true);
  expect(await all('resume')).toBe(200);
  expect(await queues.init.isPaused()).toBe(false);
});

it('refuses all other actions with a reason, without a change', async () => {
  await world().worker({ VOD_QUOTA_PART_PER_MINUTE: '6000' }).ready();
  expect((await press('part', 'pause')).status).toBe(200);
  const upload = await world().uploads.add({ source: await source('untouched.mp4', 4 * MIB) });
  await expect.poll(() => queues.part.getPrioritizedCount()).toBe(4);
  const part = `${upload.id}-r1-p3`;
  const before = await redis.hgetall(queues.part.toKey('meta'));
  const job = await redis.hgetall(queues.part.toKey(part));
  const refusals: [string, object | undefined, string, RegExp][] = [
    ['add', { name: 'x', data: {}, options: {} }, 'POST', /added by your application/],
    [`${part}/update-data`, { jobData: {} }, 'PATCH', /Cancel the upload and add it again/],
    [`${part}/delay`, { runAt: 1 }, 'PATCH', /Cancel the upload and add it again/],
    [`${part}/priority`, { priority: 1 }, 'PATCH', /Cancel the upload and add it again/],
    [`${part}/remove-unprocessed-children`, undefined, 'PUT', /remove jobs that uploads wait for/],
    ['empty', undefined, 'PUT', /remove jobs that uploads wait for/],
    ['clean/wait', undefined, 'PUT', /remove jobs that uploads wait for/],
    ['obliterate', { force: true }, 'PUT', /delete uploads, and the limits/],
    ['rate-limit', { max: null }, 'PUT', /VOD_QUOTA_INIT_PER_MINUTE/],
    ['rate-limit', { max: 1, duration: 1 }, 'PUT', /VOD_QUOTA_INIT_PER_MINUTE/],
    ['rate-limit/release', undefined, 'PUT', /VOD_QUOTA_INIT_PER_MINUTE/],
    ['concurrency', { concurrency: 1 }, 'PUT', /PART_CONCURRENCY/],
    ['job-schedulers/some/run', undefined, 'PUT', /does not support this action/],
    ['what-may-come', undefined, 'DELETE', /does not support this action/],
  ];
  for (const [path, body, method, reason] of refusals) {
    const answer = await press('part', path, body, method);
    expect({ path, ...answer }).toEqual({
      path,
      status: 403,
      error: 'Not done',
      message: expect.stringMatching(reason),
    });
  }
  expect(await redis.hgetall(queues.part.toKey('meta'))).toEqual(before);
  expect(await redis.hgetall(queues.part.toKey(part))).toEqual(job);
  expect(await press('part', 'resume')).toMatchObject({ status: 200 });
  expect(await upload.result()).toMatchObject({ outcome: 'completed', partsSent: 4 });
});

it('uploads survive the refused actions when they are done in Redis directly', async () => {
  await world().worker({ PART_CONCURRENCY: '1' }).ready();
  for (const stage of ['hash', 'init', 'part', 'finish'] as const) {
    const queue = new Queue(QUEUES[stage], {
      connection: redis,
      prefix: world().prefix,
      skipMetasUpdate: true,
    });
    onTestFinished(() => queue.close());
    await queue.pause();
    const upload = await world().uploads.add({ source: await source(`drained-${stage}.mp4`, 4 * MIB) });
    const waiting = () => queue.getJobCountByTypes('wait', 'prioritized');
    await expect.poll(waiting).toBe(stage === 'part' ? 4 : 1);
    await queue.drain();
    // The upload has added the missing parts again.
    await expect.poll(waiting).toBe(stage === 'part' ? 4 : 1);
    await queue.resume();
    expect(await upload.result()).toMatchObject({ outcome: 'completed', partsSent: 4 });
  }
});

it('shows names, stages, results and links to uploads, but no secret', async () => {
  const { url: redisUrl } = await startRestrictedRedis({ prefix: world().prefix, password: PASSWORD });
  const uploads = startProducer(world(), redisUrl);
  const [own] = await Promise.all([
    world().ops({ REDIS_URL: redisUrl, OPS_USERS: 'alice:planted0password0of0alice' }).ready(),
    world().worker({ REDIS_URL: redisUrl, PART_CONCURRENCY: '1' }).ready(),
  ]);
  const authorization = `Basic ${Buffer.from('alice:planted0password0of0alice').toString('base64')}`;
  const seen: string[] = [];
  const look = async (path: string, method = 'GET') => {
    const response = await fetch(`${own.url}/dashboard${path}`, { method, headers: { authorization } });
    const text = await response.text();
    // The rights in Redis are enough.
    expect([200, 204], `${path}: ${text}`).toContain(response.status);
    seen.push(text, JSON.stringify([...response.headers]));
    return path.startsWith('/api') && text !== '' ? JSON.parse(text) : undefined;
  };
  const done = await uploads.add({ source: await source('done.mp4', 2 * MIB) });
  const { fileId, durationMs } = await done.result();
  inject({ action: 'UploadPart', effect: { kind: 'code', code: -10006, canRetry: 0 } });
  const failed = await uploads.add({ source: await source('failed.mp4', 2 * MIB) });
  await failed.result().catch(() => {});

  const { job } = await look(`/api/queues/vod-upload/${done.id}`);
  expect(job).toMatchObject({
    name: `done.mp4 — completed  2.0 MiB  ${formatDuration(durationMs)}`,
    progress: { progress: 100, stage: 'finishing', size: '2.0 MiB' },
    returnValue: { fileId, fileSize: '2.0 MiB', bytesSent: '2.0 MiB', duration: expect.any(String) },
    externalUrl: { href: `/uploads/${done.id}` },
  });
  const { queues: shown } = await look('/api/queues?activeQueue=vod-part&status=failed');
  expect(shown.map((queue: { displayName: string }) => queue.displayName)).toEqual([
    '1 Uploads',
    '2 SHA-1',
    '3 InitUpload',
    '4 Parts',
    '5 FinishUpload',
    '6 Transcoding',
    '7 Webhooks',
    '8 Events',
  ]);
  const parts = shown.find(({ name }: { name: string }) => name === 'vod-part').jobs;
  // The other part was sent, aborted or not started.
  const part = parts.find(({ failedReason }: { failedReason: string }) => failedReason.includes('-10006'));
  expect(part.name).toBe('part 0');
  expect(part.externalUrl).toMatchObject({ href: `/uploads/${failed.id}` });

  await look('');
  await look('/api/redis/stats');
  for (const queue of Object.values(QUEUES)) {
    await look(`/api/queues?activeQueue=${queue}&jobsPerPage=50`);
    for (const path of ['metrics', 'default-job-options', 'workers', 'rate-limit', 'job-data-schema']) {
      await look(`/api/queues/${queue}/${path}`);
    }
  }
  for (const { id } of [done, failed]) {
    for (const path of ['', '/logs', '/flow']) await look(`/api/queues/vod-upload/${id}${path}`);
  }
  await look(`/api/queues/vod-part/${part.id}`);
  await look(`/api/queues/vod-part/${part.id}/logs`);
  for (const button of [
    'pause',
    'vod-part/pause',
    'resume',
    'vod-upload/promote',
    `vod-upload/${failed.id}/retry`,
    `vod-upload/${done.id}/clean`,
    'vod-part/retry/failed',
    'vod-upload/clean/failed',
  ]) {
    await look(`/api/queues/${button}`, 'PUT');
  }
  const all = seen.join('\n');
  expect(all).toContain('failed.mp4');
  for (const secret of [SECRET_ID, SECRET_KEY, PASSWORD, 'planted0password0of0alice'].flatMap(formsOf)) {
    expect(all.includes(secret), secret).toBe(false);
  }
  expect(SIGNED_URL.exec(all)?.[0]).toBeUndefined();
});
