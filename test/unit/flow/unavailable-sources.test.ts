import type { Worker } from 'bullmq';
import { describe, expect, it } from 'vitest';
import { isGraceOver, retryDelayMs, UnavailableSources } from '../../../src/flow/unavailable-sources.ts';
import type { JobContext } from '../../../src/queue/consumer.ts';
import { PauseControl } from '../../../src/queue/pause-control.ts';
import { LeftToOthersError } from '../../../src/queue/postpone-errors.ts';
import type { Queues } from '../../../src/queue/queues.ts';
import { workerIdentity } from '../../../src/queue/worker-identity.ts';
import type { Breaker } from '../../../src/quota/breaker.ts';
import type { RedisClient } from '../../../src/redis/client.ts';
import { SourceError } from '../../../src/source/errors.ts';
import type { RootWatch } from '../../../src/source/root-watch.ts';

const GRACE_MS = 60_000;

describe('isGraceOver', () => {
  it.each([
    ['not before the grace period is over', { waitedMs: 59_999, pending: 0 }, GRACE_MS, false],
    ['when all workers have looked', { waitedMs: 60_000, pending: 0 }, GRACE_MS, true],
    ['when the workers are not known', { waitedMs: 60_000, pending: undefined }, GRACE_MS, true],
    ['not while one has not looked', { waitedMs: 599_999, pending: 1 }, GRACE_MS, false],
    ['when one has not looked for ten grace periods', { waitedMs: 600_000, pending: 1 }, GRACE_MS, true],
    ['at once without a grace period', { waitedMs: 0, pending: 1 }, 0, true],
  ])('%s', (_, known, graceMs, hopeless) => {
    expect(isGraceOver(known, graceMs)).toBe(hopeless);
  });
});

it('retryDelayMs grows with the time that the file is missing', () => {
  expect([0, 1000, 8000, 60_000].map((waitedMs) => retryDelayMs(waitedMs, 0.5))).toEqual([
    500, 500, 2000, 5000,
  ]);
  expect([0, 1].map((random) => retryDelayMs(0, random))).toEqual([250, 750]);
});

describe('a worker', () => {
  const missing = new SourceError('SOURCE_NOT_FOUND', '/srv/x.mp4 does not exist');
  const data = { uploadId: 'u', run: { attempt: 1, round: 0 }, source: '/srv/x.mp4' };
  const attempt = (jobId: string): JobContext => ({
    ...{
      jobId,
      createdAtMs: 0,
      restarted: false,
      starts: 1,
      signal: new AbortController().signal,
      save: async () => {},
    },
  });

  const REFUSAL = JSON.stringify({ host: 'a', pid: 7, roots: '/srv', code: 'SOURCE_NOT_FOUND' });

  /** A worker with a fake Redis that counts the recorded refusals, other workers, and possibly missing roots. */
  function setUp({
    gone = [],
    others = ['other'],
    isHeld = false,
    isKnown = true,
  }: {
    gone?: readonly string[];
    others?: string[];
    isHeld?: boolean;
    /** Whether the state of the roots could be read. */
    isKnown?: boolean;
  } = {}) {
    const seen = {
      recorded: 0,
      isPaused: false,
      outcome: missing as Error | undefined,
      by: ['by me', REFUSAL],
    };
    const redis = {
      eval: async () => {
        seen.recorded++;
        return [0, seen.by];
      },
    };
    const me = workerIdentity();
    const names = [me.name, ...others].map((name) => ({ rawname: `{vod}:q:w:${name}` }));
    const worker = {
      pause: async () => {
        seen.isPaused = true;
      },
      resume: async () => {
        seen.isPaused = false;
      },
    };
    const unseen = new UnavailableSources({
      stage: 'hash',
      queues: {
        upload: { toKey: (id: string) => `key:${id}` },
        hash: { getWorkers: async () => names },
      } as unknown as Queues,
      redis: redis as unknown as RedisClient,
      prefix: '{vod}',
      graceMs: GRACE_MS,
      worker: me,
      breaker: { isHeld } as Breaker,
      roots: { roots: ['/srv'], gone, checkNow: async () => isKnown } as unknown as RootWatch,
    });
    unseen.pauseWhileUnseen(new PauseControl(worker as unknown as Worker));
    const processor = unseen.wrap(async () => {
      if (seen.outcome !== undefined) throw seen.outcome;
      return 'done';
    });
    const take = (jobId: string): Promise<unknown> => processor(data, attempt(jobId)).catch((error) => error);
    return { seen, take };
  }

  const takeSeven = async (take: (jobId: string) => Promise<unknown>): Promise<void> => {
    for (let index = 0; index < 7; index++) await take(`job-${index}`);
  };

  it('pauses for a short time when it has not seen the files of eight jobs in a row', async () => {
    const { seen, take } = setUp();
    await takeSeven(take);
    // The same job again does not count.
    await take('job-0');
    expect(seen.isPaused).toBe(false);
    expect(await take('job-7')).toBeInstanceOf(LeftToOthersError);
    expect(seen.isPaused).toBe(true);
    seen.outcome = undefined;
    expect(await take('job-8')).toBe('done');
    expect(seen.isPaused).toBe(false);
    seen.outcome = missing;
    await take('job-9');
    expect(seen.isPaused).toBe(false);
  });

  it.each([
    ['does not pause when no other worker sees the files either', ['other'], false],
    ['pauses when another worker may see the files', ['other', 'third'], true],
  ])('%s', async (_, others, isPaused) => {
    const { seen, take } = setUp({ others });
    await takeSeven(take);
    seen.by = ['by me', REFUSAL, 'by other', REFUSAL];
    await take('job-7');
    seen.by = ['by me', REFUSAL];
    await take('job-8');
    expect(seen.isPaused).toBe(isPaused);
  });

  it('does not pause when there is no other worker', async () => {
    const { seen, take } = setUp({ others: [] });
    await takeSeven(take);
    expect(await take('job-7')).toBeInstanceOf(LeftToOthersError);
    expect(seen.isPaused).toBe(false);
  });

  it.each([
    { why: 'its root is gone', gone: ['/srv'] },
    { why: 'the state of its roots is unknown', isKnown: false },
    { why: 'the queues are held', isHeld: true },
  ])('records no refusal while $why', async (trouble) => {
    const { seen, take } = setUp(trouble);
    const left = await take('job');
    expect(left).toMatchObject({ waitMs: expect.any(Number), cause: { code: 'SOURCE_NOT_FOUND' } });
    expect(left).toBeInstanceOf(LeftToOthersError);
    expect(seen.recorded).toBe(0);
  });

  it('rethrows an error of the file itself', async () => {
    const { seen, take } = setUp();
    seen.outcome = new SourceError('SOURCE_CHANGED', 'it changed');
    expect(await take('job')).toBe(seen.outcome);
    expect(seen.recorded).toBe(0);
  });
});

it('leaves the cover of an upload to other workers, and names it in the end', async () => {
  const refusal = JSON.stringify({ host: 'a', pid: 7, roots: '', code: 'SOURCE_OUTSIDE_ROOTS' });
  const me = workerIdentity();
  let waitedMs = 0;
  const keys: unknown[] = [];
  const unseen = new UnavailableSources({
    stage: 'init',
    queues: {
      upload: { toKey: (id: string) => `key:${id}` },
      init: { getWorkers: async () => [{ rawname: `{vod}:q:w:${me.name}` }] },
    } as unknown as Queues,
    redis: {
      async eval(_script: string, _count: number, key: string) {
        keys.push(key);
        return [waitedMs, [`by ${me.name}`, refusal]];
      },
    } as unknown as RedisClient,
    prefix: '{vod}',
    graceMs: GRACE_MS,
    worker: me,
    roots: { roots: [], gone: [], checkNow: async () => true } as unknown as RootWatch,
  });
  const begin = unseen.wrap(async () => {
    throw new SourceError('SOURCE_OUTSIDE_ROOTS', "the cover /srv/x.jpg can't be read by this worker");
  });
  const data = { uploadId: 'u', run: { attempt: 1, round: 0 }, cover: '/srv/x.jpg' };
  const context = { jobId: 'u-r1-init', signal: new AbortController().signal } as unknown as JobContext;
  await expect(begin(data, context)).rejects.toBeInstanceOf(LeftToOthersError);
  waitedMs = GRACE_MS;
  await expect(begin(data, context)).rejects.toMatchObject({
    code: 'SOURCE_OUTSIDE_ROOTS',
    message: expect.stringMatching(
      /^the cover \/srv\/x\.jpg can't be read by any worker that has looked, for 1 min: a, pid 7: it has no SOURCE_ROOTS; /,
    ),
  });
  expect(new Set(keys)).toEqual(new Set(['{vod}:vod-unseen:u:1:init']));
});
