import { beforeEach, describe, expect, it } from 'vitest';
import { readUploadPage, type UploadPage, type UploadPageQuery } from '../../src/status/upload-page.ts';
import { commandsBy } from '../support/commands.ts';
import { connect } from '../support/consumer.ts';
import { withQueue } from '../support/seed.ts';
import { useWorld } from '../support/use-world.ts';

const { world } = useWorld({ ownRedis: true });

/** More than a command reads at a time, with several levels. */
const COUNTS = { queued: 2500, completed: 2200, failed: 30, running: 12, delayed: 8 };
const START_MS = 1_790_000_000_000;

interface Seeded {
  readonly id: string;
  readonly state: string;
  readonly createdMs: number;
}

/** In the order in which the table shows them. */
let expected: readonly Seeded[] = [];

beforeEach(async () => {
  await withQueue(world(), async (redis, key) => {
    const pipeline = redis.pipeline();
    const add = (id: string, state: string, createdMs: number, fields: object = {}): Seeded => {
      const data = { source: `/srv/${id}.mp4`, video: { name: id, type: 'mp4' } };
      const job = { name: `${id}.mp4`, data: JSON.stringify(data), timestamp: createdMs, opts: '{}' };
      pipeline.hset(key(`vod-upload:${id}`), { ...job, ...fields });
      return { id, state, createdMs };
    };
    const many = <T>(count: number, of: (index: number) => T): T[] =>
      Array.from({ length: count }, (_, at) => of(at));
    const running = many(COUNTS.running, (index) => {
      const stage = ['uploading', 'hashing', 'initializing'][index % 3] ?? '';
      const progress = { stage, bytesHashed: 0, bytesSent: 0, totalBytes: 9 };
      const createdMs = START_MS + 7 * index;
      pipeline.zadd(key('vod-upload:waiting-children'), index, `running${index}`);
      return add(`running${index}`, stage, createdMs, { progress: JSON.stringify(progress) });
    });
    const queued = many(COUNTS.queued, (index) => {
      const id = `queued${index}`;
      // Every 100th was delayed for a long time before it was queued.
      const [createdMs, delay] =
        index % 100 === 99 ? [START_MS + index, 9e6] : [START_MS + 10_000 * index, 0];
      const level = 1 + (index % 3);
      pipeline.zadd(key('vod-upload:prioritized'), level * 2 ** 32 + index, id);
      return { ...add(id, 'queued', createdMs, { opts: JSON.stringify({ delay, attempts: 1 }) }), level };
    });
    const delayed = many(COUNTS.delayed, (index) => {
      pipeline.zadd(key('vod-upload:delayed'), index, `delayed${index}`);
      return add(`delayed${index}`, 'queued', START_MS + 3 * index);
    });
    const result = {
      outcome: 'instant',
      fileId: '1',
      url: null,
      fileSha: 'a'.repeat(40),
      fileSize: 9,
      name: 'n',
    };
    const counts = {
      type: 'mp4',
      partsSent: 0,
      partsSkipped: 1,
      bytesSent: 0,
      metadataApplied: false,
      durationMs: 5,
    };
    const ended = many(COUNTS.completed + COUNTS.failed, (index) => {
      const isFailed = index % 75 === 3 && index < 75 * COUNTS.failed;
      const createdMs = START_MS + 9000 * index;
      const finishedOn = createdMs + 1_000_000;
      const state = isFailed ? 'failed' : 'completed';
      pipeline.zadd(key(`vod-upload:${state}`), finishedOn, `${state}${index}`);
      const end = isFailed
        ? { failedReason: 'no [X]', atm: 1 }
        : { returnvalue: JSON.stringify({ ...result, ...counts }) };
      return add(`${state}${index}`, state, createdMs, { finishedOn, ...end });
    });
    await pipeline.exec();
    const newest = (some: readonly Seeded[]): Seeded[] => some.toSorted((a, b) => b.createdMs - a.createdMs);
    const inStage = (stage: string): Seeded[] => newest(running.filter(({ state }) => state === stage));
    expected = [
      ...['uploading', 'hashing', 'initializing'].flatMap(inStage),
      ...queued.toSorted((a, b) => a.level - b.level),
      ...delayed,
      ...newest(ended),
    ];
  });
});

const read = async (query: Partial<UploadPageQuery>): Promise<UploadPage> => {
  const inRedis = { ...connect(world()), prefix: world().prefix };
  return await readUploadPage(inRedis, { limit: 50, order: 'activity', ...query });
};

const idsOf = ({ uploads }: UploadPage): string[] => uploads.map(({ id }) => id);

describe('with thousands of queued and completed uploads', () => {
  it('each page of the table has its uploads', async () => {
    const { length } = expected;
    expect(length).toBe(Object.values(COUNTS).reduce((sum, count) => sum + count, 0));
    for (const offset of [0, 10, 990, 2480, 2500, 2520, 2550, 4000, length - 60, length - 20, length + 9]) {
      const page = await read({ offset });
      expect({ offset, ids: idsOf(page), more: page.more, total: page.total }).toEqual({
        offset,
        ids: expected.slice(offset, offset + 50).map(({ id }) => id),
        more: offset + 50 < length,
        total: length,
      });
    }
  });

  it('each state has its uploads and its count', async () => {
    const states = Map.groupBy(expected, ({ state }) => state);
    for (const [state, uploads] of states) {
      const offset = Math.max(0, uploads.length - 40);
      const page = await read({ state: state as 'queued', offset });
      const ids = uploads.slice(offset).map(({ id }) => id);
      expect({ ids: idsOf(page), total: page.total, more: page.more }).toEqual({
        ids,
        total: uploads.length,
        more: false,
      });
    }
    const counts = Object.fromEntries([...states].map(([state, uploads]) => [state, uploads.length]));
    expect((await read({})).counts).toMatchObject(counts);
  });

  it('the list has the newest first, also of uploads that were delayed', async () => {
    const newest = expected.toSorted((a, b) => b.createdMs - a.createdMs).map(({ id }) => id);
    for (const [offset, limit] of [
      [0, 50],
      [1200, 300],
    ] as const) {
      const page = await read({ order: 'newest', offset, limit });
      expect(idsOf(page)).toEqual(newest.slice(offset, offset + limit));
    }
    const queued = newest.filter((id) => /queued|delayed/.test(id));
    expect(idsOf(await read({ order: 'newest', state: 'queued', limit: 1000 }))).toEqual(
      queued.slice(0, 1000),
    );
  });

  it('a search finds its uploads in all lists', async () => {
    for (const [search, ids] of [
      ['ED1234', ['queued1234', 'completed1234']],
      ['queued77.mp4', ['queued77']],
      ['queued2499', ['queued2499']],
      ['/srv/failed3', ['failed303', 'failed378', 'failed3']],
      ['zebra', []],
      ['zébra', []],
    ] as const) {
      for (const order of ['activity', 'newest'] as const) {
        const found = idsOf(await read({ search, order })).toSorted();
        expect({ search, order, found }).toEqual({ search, order, found: ids.toSorted() });
      }
    }
  });

  it('a search that finds many has pages, in the order of the table and of the list', async () => {
    const named = expected.filter(({ id }) => id.includes('ed1'));
    const page = await read({ search: 'ED1', offset: 100 });
    expect(idsOf(page)).toEqual(named.slice(100, 150).map(({ id }) => id));
    expect(page.more).toBe(true);
    const newest = named.toSorted((a, b) => b.createdMs - a.createdMs);
    const list = await read({ search: 'ED1', offset: 100, order: 'newest' });
    expect(idsOf(list)).toEqual(newest.slice(100, 150).map(({ id }) => id));
  });

  it('a page costs the same as with few', async () => {
    const { queues, redis } = connect(world());
    const inRedis = { queues, redis, prefix: world().prefix };
    const readFirst = () => readUploadPage(inRedis, { limit: 50, order: 'activity' });
    await readFirst();
    const before = await commandsBy(redis, readFirst);
    await withQueue(world(), async (client, key) => {
      for (const list of ['prioritized', 'completed'])
        await client.zremrangebyrank(key(`vod-upload:${list}`), 200, -1);
    });
    expect(await commandsBy(redis, readFirst)).toEqual(before);
  });
});
