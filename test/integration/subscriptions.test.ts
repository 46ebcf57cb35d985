import { expect, onTestFinished, test } from 'vitest';
import {
  EventsMissedError,
  type Subscriber,
  type UploadCompletedEvent,
  type UploadFailedEvent,
  type UploadProgressEvent,
  VodUploads,
} from '../../src/index.ts';
import { commandRun, commandsRun } from '../support/monitor.ts';
import { LoggedProcess } from '../support/process.ts';
import { seedQueued, withQueue } from '../support/seed.ts';
import { useWorld } from '../support/use-world.ts';

const { world, source, inject, gate } = useWorld();

type End = UploadCompletedEvent | UploadFailedEvent;

/** A newly started application; stopped after the test, unless closed before. */
function application(consumer: string, more: Partial<Subscriber> = {}) {
  const ends: End[] = [];
  const errors: Error[] = [];
  const uploads = new VodUploads({ connection: world().redisUrl, prefix: world().prefix });
  onTestFinished(() => uploads.close());
  uploads.subscribe({
    consumer,
    onCompleted: (event) => ends.push(event),
    onFailed: (event) => ends.push(event),
    onError: (error) => errors.push(error as Error),
    ...more,
  });
  return { ends, errors, close: () => uploads.close() };
}

/** Registers the consumer in Redis; from then on it misses no event. */
async function known(consumer: string): Promise<void> {
  await withQueue(world(), async (redis, key) => {
    await expect.poll(() => redis.exists(key(`vod-consumer:${consumer}`))).toBe(1);
  });
}

/** Another subscribed process. @param work `waits`: it never finishes the first event */
function applicationProcess(consumer: string, work: 'waits' | 'none' = 'none'): LoggedProcess {
  const args = ['test/support/subscriber.ts', world().redisUrl, world().prefix, consumer, work];
  const started = new LoggedProcess(args, {});
  onTestFinished(async () => void (await started.end()));
  return started;
}

/** Resolves when another process has tried to get the consumer's lease, without success. */
async function refusedLease(consumer: string, start: () => void): Promise<void> {
  await withQueue(world(), async (redis, key) => {
    const lease = key(`vod-consumer-lease:${consumer}`);
    const holder = await redis.get(lease);
    const asked = await commandRun(
      world().redisUrl,
      (line) => /"eval"/i.test(line) && line.includes(`"${lease}"`) && !line.includes(`"${holder}"`),
    );
    start();
    await asked.line;
    expect(await redis.get(lease)).toBe(holder);
  });
}

const told = (ends: readonly End[]) => ends.map(({ uploadId, type }) => `${uploadId} ${type}`);

test('an application that was stopped receives missed ends in order and once', async () => {
  const first = application('billing');
  await known('billing');
  const other = application('search');
  await known('search');
  await world().worker().ready();
  const addedMs = Date.now();
  const add = async (name: string, size: number) =>
    await world().uploads.add({ source: await source(name, size), key: name });
  const seen = await add('seen.mp4', 1000);
  await expect.poll(() => first.ends.length).toBe(1);
  await first.close();

  const missed = await add('missed.mp4', 2000);
  await missed.result();
  inject({ action: 'UploadPart', effect: { kind: 'code', code: -10006, canRetry: 0 } });
  const failing = await add('failing.mp4', 3000);
  await expect(failing.result()).rejects.toMatchObject({ code: '-10006' });
  await (await world().uploads.retry(failing.id)).result();
  const cancelled = await world().uploads.add({ source: await source('later.mp4', 10), delay: 3_600_000 });
  await world().uploads.cancel(cancelled.id);

  const second = application('billing');
  const expected = [
    `${missed.id} upload.completed`,
    `${failing.id} upload.failed`,
    `${failing.id} upload.completed`,
    `${cancelled.id} upload.failed`,
  ];
  await expect.poll(() => told(second.ends)).toEqual(expected);
  await expect.poll(() => told(other.ends)).toEqual([`${seen.id} upload.completed`, ...expected]);
  // Each end has one event id, the same for all consumers.
  expect(second.ends.map(({ id }) => id)).toEqual(other.ends.slice(1).map(({ id }) => id));
  expect(new Set(other.ends.map(({ id }) => id)).size).toBe(5);
  const [completed, failed, again, ended] = second.ends as [End, End, End, End];
  expect(completed).toMatchObject({
    key: 'missed.mp4',
    source: expect.stringContaining('/missed.mp4'),
    attempt: 1,
    result: { outcome: 'completed', fileSize: 2000, fileId: expect.stringMatching(/^\d+$/) },
  });
  expect(completed.at.getTime()).toBeGreaterThanOrEqual(addedMs);
  expect(completed.at.getTime()).toBeLessThanOrEqual(Date.now());
  expect(failed).toMatchObject({ attempt: 1, state: 'failed', error: { code: '-10006', retryable: false } });
  expect(again).toMatchObject({ attempt: 2, result: { outcome: 'completed' } });
  expect(ended).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' } });
  for (const { errors } of [first, second, other]) expect(errors).toEqual([]);
});

test('a subscription reads again only when the stream has new events', async () => {
  const { ends } = application('calm');
  await known('calm');
  const commands = await commandsRun(world().redisUrl);
  await world().worker().ready();
  const { uploads } = world();
  for (const name of ['calm-1.mp4', 'calm-2.mp4']) {
    await (await uploads.add({ source: await source(name, 100) })).result();
  }
  await expect.poll(() => ends.length).toBe(2);
  const stream = `"${world().prefix}:vod-upload:events"`;
  const kinds = (): string => {
    const own = commands.filter((line) =>
      line.includes('"eval"') ? line.includes(':vod-consumer:calm"') : /"xread" "COUNT" "1"/.test(line),
    );
    return own
      .filter((line) => line.includes(stream))
      .map((line) => (line.includes('"xread"') ? 'wait' : line.includes('XRANGE') ? 'read' : 'commit'))
      .join(' ');
  };
  await expect.poll(kinds).toMatch(/read commit/);
  // Without new events a read would find nothing.
  expect(kinds()).not.toMatch(/commit read|read read/);
});

test('an event is delivered again after its subscriber throws, before the next events', async () => {
  const seen: string[] = [];
  const work = Promise.withResolvers<void>();
  const { errors } = application('clumsy', {
    onCompleted: async ({ uploadId }) => {
      seen.push(uploadId);
      if (seen.length === 1) await work.promise;
    },
  });
  await known('clumsy');
  await world().worker().ready();
  const one = await world().uploads.add({ source: await source('one.mp4', 100) });
  await expect.poll(() => seen).toEqual([one.id]);
  const two = await world().uploads.add({ source: await source('two.mp4', 200) });
  await two.result();
  work.reject(new Error('clumsy'));
  await expect.poll(() => seen).toEqual([one.id, one.id, two.id]);
  expect(errors.map(({ message }) => message)).toEqual(['clumsy']);
});

test('one of two processes of a consumer receives events; when it is killed, the other receives its event', async () => {
  const killed = applicationProcess('pair', 'waits');
  await known('pair');
  await world().worker().ready();
  const one = await world().uploads.add({ source: await source('pair-1.mp4', 100) });
  await killed.line(({ msg, uploadId }) => msg === 'event' && uploadId === one.id);
  let heir: LoggedProcess | undefined;
  await refusedLease('pair', () => {
    heir = applicationProcess('pair');
  });
  const two = await world().uploads.add({ source: await source('pair-2.mp4', 200) });
  await two.result();
  expect(heir?.lines).toEqual([]);
  await killed.end('SIGKILL');
  await world().expireLeases();
  const [first, second] = await Promise.all(
    [one, two].map((upload) => heir?.line(({ uploadId }) => uploadId === upload.id)),
  );
  expect(heir?.lines).toEqual([first, second]);
  expect(first).toEqual(killed.lines[0]);
  expect((await heir?.end('SIGTERM'))?.code).toBe(0);
});

test('reports only current progress: no earlier one, and none after the end', async () => {
  const before = application('watcher');
  await known('watcher');
  await before.close();
  await world().worker({ PART_CONCURRENCY: '2' }).ready();
  const past = await world().uploads.add({ source: await source('past.mp4', 1000) });
  await past.result();
  const progress: UploadProgressEvent[] = [];
  const late: UploadProgressEvent[] = [];
  const { ends, errors } = application('watcher', {
    onProgress: (event) => {
      (ends.some(({ uploadId }) => uploadId === event.uploadId) ? late : progress).push(event);
      throw new Error('is not told again');
    },
  });
  await expect.poll(() => ends.map(({ uploadId }) => uploadId)).toEqual([past.id]);
  const parts = gate({ action: 'UploadPart', after: 4 });
  const path = await source('now.mp4', 10 * 1048576);
  const now = await world().uploads.add({ source: path, key: 'now' });
  await parts.reached(2);
  const sending = ({ progress: { stage, bytesSent } }: UploadProgressEvent) =>
    stage === 'uploading' && bytesSent > 0;
  await expect.poll(() => progress.some(sending)).toBe(true);
  parts.open();
  await expect.poll(() => ends.map(({ uploadId }) => uploadId)).toEqual([past.id, now.id]);
  expect(new Set(progress.map(({ uploadId }) => uploadId))).toEqual(new Set([now.id]));
  expect(progress.at(0)).toMatchObject({ key: 'now', source: path, progress: { stage: expect.any(String) } });
  expect(late).toEqual([]);
  expect(errors.map(({ message }) => message)).toEqual(progress.map(() => 'is not told again'));
});

test('an application that was stopped for longer than the stream reaches back misses no end', async () => {
  const before = application('archive');
  await known('archive');
  await world().worker().ready();
  const seen = await world().uploads.add({ source: await source('gap-0.mp4', 100) });
  await expect.poll(() => before.ends.length).toBe(1);
  await before.close();
  inject({ action: 'UploadPart', effect: { kind: 'code', code: -10006, canRetry: 0 } });
  const failing = await world().uploads.add({ source: await source('gap-1.mp4', 1000) });
  await expect(failing.result()).rejects.toThrow();
  const missed = await world().uploads.add({ source: await source('gap-2.mp4', 2000) });
  await missed.result();
  await withQueue(world(), async (redis, key) => await redis.xtrim(key('vod-upload:events'), 'MAXLEN', 0));
  const late = await world().uploads.add({ source: await source('gap-3.mp4', 3000) });
  await late.result();

  const after = application('archive');
  const expected = [failing.id, missed.id, late.id];
  await expect.poll(() => after.ends.map(({ uploadId }) => uploadId)).toEqual([seen.id, ...expected]);
  // An earlier event is delivered once more, with the same id, because clocks differ.
  expect(after.ends[0]?.id).toBe(before.ends[0]?.id);
  const live = await world().uploads.add({ source: await source('gap-4.mp4', 4000) });
  await expect.poll(() => after.ends.at(-1)?.uploadId).toBe(live.id);
  expect(after.ends).toHaveLength(5);
});

test('events removed from Redis are reported as an error with the time', async () => {
  const before = application('sleeper');
  await known('sleeper');
  await world().worker({ KEEP_COMPLETED_COUNT: '1' }).ready();
  const seen = await world().uploads.add({ source: await source('forgotten-0.mp4', 100) });
  await expect.poll(() => before.ends.map(({ uploadId }) => uploadId)).toEqual([seen.id]);
  expect(before.errors).toEqual([]);
  await before.close();
  for (const index of [1, 2, 3]) {
    const upload = await world().uploads.add({ source: await source(`forgotten-${index}.mp4`, 100 + index) });
    await upload.result();
  }
  await withQueue(world(), async (redis, key) => await redis.xtrim(key('vod-upload:events'), 'MAXLEN', 0));
  const after = application('sleeper');
  await expect.poll(() => after.errors.length).toBe(1);
  const [error] = after.errors as [EventsMissedError];
  expect(error).toBeInstanceOf(EventsMissedError);
  expect(error.from.getTime()).toBeLessThan(error.to.getTime());
  expect(after.ends).toHaveLength(1);
});

test('refuses a consumer without a name, or with a name unfit for a Redis key', () => {
  for (const consumer of ['', 'a b', 'x'.repeat(65), 'a:b']) {
    expect(() => world().uploads.subscribe({ consumer, onError() {} }), consumer).toThrow(/consumer must be/);
  }
});

test('delivers hundreds of simultaneous ends', async () => {
  const { ends } = application('many');
  await known('many');
  await seedQueued(world(), 200);
  world().worker();
  await expect.poll(() => ends.length).toBe(200);
  expect(new Set(ends.map(({ id }) => id)).size).toBe(200);
});
