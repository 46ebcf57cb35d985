import type { Worker } from 'bullmq';
import { describe, expect, it } from 'vitest';
import {
  isHopeless,
  leaveMs,
  type Refusal,
  UnavailableSources,
  unseenError,
} from '../../../src/flow/unavailable-sources.ts';
import { type JobContext, LeftToOthersError } from '../../../src/queue/consumer.ts';
import { Pauses } from '../../../src/queue/pauses.ts';
import type { Queues } from '../../../src/queue/queues.ts';
import { workerIdentity } from '../../../src/queue/worker-identity.ts';
import type { Breaker } from '../../../src/quota/breaker.ts';
import type { RedisClient } from '../../../src/redis/client.ts';
import { SourceError } from '../../../src/source/errors.ts';
import type { RootWatch } from '../../../src/source/root-watch.ts';

const GRACE_MS = 60_000;

describe('isHopeless', () => {
  it.each([
    ['before the grace has passed', { waitedMs: 59_999, unasked: 0 }, GRACE_MS, false],
    ['when all have looked', { waitedMs: 60_000, unasked: 0 }, GRACE_MS, true],
    ['when nobody knows who there is', { waitedMs: 60_000, unasked: undefined }, GRACE_MS, true],
    ['while one has not looked', { waitedMs: 599_999, unasked: 1 }, GRACE_MS, false],
    ['when one has not looked for ten times the grace', { waitedMs: 600_000, unasked: 1 }, GRACE_MS, true],
    ['at once without a grace', { waitedMs: 0, unasked: 1 }, 0, true],
  ])('%s', (_, known, graceMs, hopeless) => {
    expect(isHopeless(known, graceMs)).toBe(hopeless);
  });
});

it('a job that was left comes again rarer, the longer its file is missing', () => {
  expect([0, 1000, 8000, 60_000].map((waitedMs) => leaveMs(waitedMs, 0.5))).toEqual([500, 500, 2000, 5000]);
  expect([0, 1].map((random) => leaveMs(0, random))).toEqual([250, 750]);
});

describe('the reason of an upload whose file nobody sees', () => {
  const refusal = (host: string, code: Refusal['code'], roots = '/srv/a'): Refusal => ({
    ...{ host, pid: 7, roots, code },
  });

  it('names all workers and their roots, and what tells most of the file', () => {
    const refusals = [
      refusal('a', 'SOURCE_OUTSIDE_ROOTS', '/srv/a:/srv/b'),
      refusal('b', 'SOURCE_NOT_FOUND', '/srv'),
      refusal('c', 'SOURCE_PERMISSION', '/srv'),
    ];
    const { code, message, retryable } = unseenError('/srv/x.mp4', refusals, 61_000);
    expect({ code, retryable }).toEqual({ code: 'SOURCE_PERMISSION', retryable: false });
    expect(message).toBe(
      "/srv/x.mp4 can't be read by any worker that has looked, for 1 min: " +
        'a, pid 7 (SOURCE_ROOTS=/srv/a:/srv/b): it is outside of them; ' +
        'b, pid 7 (SOURCE_ROOTS=/srv): it does not exist; c, pid 7 (SOURCE_ROOTS=/srv): its user may not read it; ' +
        'check the path, and the mount and SOURCE_ROOTS of these workers, and retry the upload',
    );
  });

  it('stays short, however many there are', () => {
    const many = Array.from({ length: 100 }, (_, index) => refusal(`host-${index}`, 'SOURCE_NOT_FOUND'));
    const { message } = unseenError('/srv/x.mp4', many, 0);
    expect(message).toContain('host-7, pid 7');
    expect(message).not.toContain('host-8, pid 7');
    expect(message).toContain('; and 92 more; ');
    expect(message).toContain('that has looked: host-0');
  });
});

describe('a worker', () => {
  const missing = new SourceError('SOURCE_NOT_FOUND', '/srv/x.mp4 does not exist');
  const data = { uploadId: 'u', run: { attempt: 1, round: 0 }, source: '/srv/x.mp4' };
  const attempt = (jobId: string): JobContext => ({
    ...{ jobId, restarted: false, starts: 1, signal: new AbortController().signal, save: async () => {} },
  });

  const REFUSAL = JSON.stringify({ host: 'a', pid: 7, roots: '/srv', code: 'SOURCE_NOT_FOUND' });

  /** With a Redis that only counts its notes, another worker beside it, and roots of which some are gone. */
  function setUp({
    gone = [],
    others = ['other'],
    isHeld = false,
  }: {
    gone?: readonly string[];
    others?: string[];
    isHeld?: boolean;
  } = {}) {
    const seen = { notes: 0, isPaused: false, outcome: missing as Error | undefined, by: ['by me', REFUSAL] };
    const redis = {
      eval: async () => {
        seen.notes++;
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
      roots: { roots: ['/srv'], gone, checkNow: async () => {} } as unknown as RootWatch,
    });
    unseen.follow(new Pauses(worker as unknown as Worker));
    const processor = unseen.around(async () => {
      if (seen.outcome !== undefined) throw seen.outcome;
      return 'done';
    });
    const take = (jobId: string): Promise<unknown> => processor(data, attempt(jobId)).catch((error) => error);
    return { seen, take };
  }

  const takeSeven = async (take: (jobId: string) => Promise<unknown>): Promise<void> => {
    for (let index = 0; index < 7; index++) await take(`job-${index}`);
  };

  it('leaves jobs to others for a while when it has not seen the files of many in a row', async () => {
    const { seen, take } = setUp();
    await takeSeven(take);
    // The same again says nothing new.
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
    ['takes jobs on when no other sees their files either', ['other'], false],
    ['leaves jobs to one that may see their files', ['other', 'third'], true],
  ])('%s', async (_, others, isPaused) => {
    const { seen, take } = setUp({ others });
    await takeSeven(take);
    seen.by = ['by me', REFUSAL, 'by other', REFUSAL];
    await take('job-7');
    seen.by = ['by me', REFUSAL];
    await take('job-8');
    expect(seen.isPaused).toBe(isPaused);
  });

  it('takes jobs on when there is no other', async () => {
    const { seen, take } = setUp({ others: [] });
    await takeSeven(take);
    expect(await take('job-7')).toBeInstanceOf(LeftToOthersError);
    expect(seen.isPaused).toBe(false);
  });

  it.each([
    { why: 'whose root is gone', gone: ['/srv'] },
    { why: 'while the queues are held', isHeld: true },
  ])('$why says nothing of a file', async (trouble) => {
    const { seen, take } = setUp(trouble);
    const left = await take('job');
    expect(left).toMatchObject({ waitMs: expect.any(Number), cause: { code: 'SOURCE_NOT_FOUND' } });
    expect(left).toBeInstanceOf(LeftToOthersError);
    expect(seen.notes).toBe(0);
  });

  it('fails what is wrong with the file itself', async () => {
    const { seen, take } = setUp();
    seen.outcome = new SourceError('SOURCE_CHANGED', 'it changed');
    expect(await take('job')).toBe(seen.outcome);
    expect(seen.notes).toBe(0);
  });
});

it('a worker takes jobs when nothing keeps it from that any more', () => {
  const calls: string[] = [];
  const worker = {
    pause: async () => void calls.push('pause'),
    resume: async () => void calls.push('resume'),
  };
  const pauses = new Pauses(worker as unknown as Worker);
  const [one, other] = [{}, {}];
  pauses.end(one);
  pauses.begin(one);
  pauses.begin(other);
  pauses.end(one);
  pauses.end(one);
  expect(calls).toEqual(['pause', 'pause']);
  pauses.end(other);
  expect(calls).toEqual(['pause', 'pause', 'resume']);
});
