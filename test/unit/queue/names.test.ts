import { expect, it } from 'vitest';
import { childId, runName, uploadIdOfChild } from '../../../src/queue/names.ts';

it('childId differs by step, attempt and round, and contains no colon', () => {
  const ids = [
    childId('u1', { attempt: 1, round: 0 }, 'hash'),
    childId('u1', { attempt: 1, round: 0 }, 0),
    childId('u1', { attempt: 1, round: 1 }, 0),
    childId('u1', { attempt: 2, round: 0 }, 0),
  ];
  expect(ids).toEqual(['u1-r1-hash', 'u1-r1-p0', 'u1-r1.1-p0', 'u1-r2-p0']);
  // These steps run once per attempt, whatever the round.
  expect(childId('u1', { attempt: 2, round: 1 }, 'hash')).toBe('u1-r2-hash');
  expect(childId('u1', { attempt: 2, round: 1 }, 'transcode')).toBe('u1-r2-transcode');
  expect(runName({ attempt: 12, round: 3 })).toBe('r12.3');
});

it('uploadIdOfChild is the inverse of childId', () => {
  const runs = [
    { attempt: 1, round: 0 },
    { attempt: 12, round: 3 },
  ];
  for (const uploadId of ['u65f0c1d2e3b4a5968778695a', 'a-r1-b'])
    for (const run of runs)
      for (const step of ['hash', 'init', 'finish', 'transcode', 0, 1234] as const)
        expect(uploadIdOfChild(childId(uploadId, run, step))).toBe(uploadId);
  expect(uploadIdOfChild('anything')).toBe('');
});
