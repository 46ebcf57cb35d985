import { expect, it } from 'vitest';
import { Children } from '../../../src/flow/children.ts';
import { expiredValue, PART_SAME, PART_SKIPPED } from '../../../src/queue/jobs/part.ts';

const key = (id: string, queue = 'vod-part'): string => `{vod}:${queue}:${id}`;
const run = { attempt: 2, round: 0 };

it('finds the result of a child by its run and step', () => {
  const children = new Children('u', { [key('u-r2-hash', 'vod-hash')]: { fileSha: 'x' } }, {});
  expect(children.result(run, 'hash')).toEqual({ fileSha: 'x' });
  // Once per attempt, so a later round has the same.
  expect(children.result({ attempt: 2, round: 1 }, 'hash')).toEqual({ fileSha: 'x' });
  expect(children.result({ attempt: 1, round: 0 }, 'hash')).toBeUndefined();
});

it('tells the parts that were sent from those that are done, of one run', () => {
  const results = {
    [key('u-r2-p0')]: null,
    [key('u-r2-p7')]: PART_SAME,
    [key('u-r2-p8')]: PART_SKIPPED,
    [key('u-r2.1-p1')]: null,
    [key('u-r1-p2')]: null,
    [key('u-r2-init', 'vod-init')]: {},
  };
  const children = new Children('u', results, {});
  expect(children.sentParts(run)).toEqual([0]);
  expect(children.doneParts(run)).toEqual([0, 7]);
  expect(children.doneParts({ attempt: 2, round: 1 })).toEqual([1]);
  expect(children.completedCount).toBe(6);
});

it('takes the first failure of the run that is not a cancellation', () => {
  const failures = {
    [key('u-r1-p0')]: 'an earlier run [X]',
    [key('u-r2-p1')]: 'cancelled on request [CANCELLED, retryable]',
    [key('u-r2-p2')]: 'part is bad [4100]',
  };
  const children = new Children('u', {}, failures);
  expect(children.failure(run)).toBe('part is bad [4100]');
  expect(children.failure({ attempt: 2, round: 1 })).toBeUndefined();
  expect(children.failedCount).toBe(3);
});

it('takes the failure of a child that runs once per attempt in every round', () => {
  const children = new Children('u', {}, { [key('u-r2-transcode', 'vod-transcode')]: 'no [X]' });
  expect(children.failure({ attempt: 2, round: 3 })).toBe('no [X]');
  expect(children.failure({ attempt: 3, round: 0 })).toBeUndefined();
});

it('lists the transcodings that VOD started, by attempt', () => {
  const results = {
    [key('u-r3-transcode', 'vod-transcode')]: { at: 30, vodTaskId: 'c' },
    [key('u-r1-transcode', 'vod-transcode')]: { at: 10 },
  };
  const children = new Children('u', results, {});
  expect(children.startedTranscodings(2)).toEqual([{ attempt: 1, at: 10 }]);
  expect(children.startedTranscodings(3).map(({ attempt }) => attempt)).toEqual([1, 3]);
});

it('has the last session before a run, unless it is over', () => {
  const init = (session: string) => ({ kind: 'send', partSize: 1048576, missing: [], session });
  const results = {
    [key('u-r1-init', 'vod-init')]: init('first'),
    [key('u-r1-p0')]: expiredValue('ExpiredToken'),
    [key('u-r1.1-init', 'vod-init')]: init('second'),
    [key('u-r2-init', 'vod-init')]: init('third'),
    [key('u-r2-finish', 'vod-finish')]: { kind: 'expired', reason: 'r [X]' },
  };
  const children = new Children('u', results, {});
  const before = (attempt: number, round: number) => children.sessionBefore({ attempt, round });
  expect([before(1, 0), before(1, 1), before(1, 2), before(2, 0)]).toEqual([
    ...[undefined, undefined, 'second', 'second'],
  ]);
  expect([before(2, 1), before(3, 0)]).toEqual([undefined, undefined]);
  expect(children.expiry({ attempt: 1, round: 0 })).toBe('ExpiredToken');
});
