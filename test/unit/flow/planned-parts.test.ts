import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { countPlanned, encodeMd5s, plannedParts } from '../../../src/flow/planned-parts.ts';
import type { SendValue } from '../../../src/queue/jobs/init.ts';

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
const send: SendValue = {
  kind: 'send',
  partSize: 524288,
  missing: [
    [1, 1],
    [4, 5],
  ],
};

describe('the parts that the result of an init job asks for', () => {
  it('are those that VOD does not have', () => {
    expect(countPlanned(send, 7)).toBe(3);
    expect([...plannedParts(send, 7)]).toEqual([{ index: 1 }, { index: 4 }, { index: 5 }]);
  });

  it('are all parts if those that VOD has are to be compared', () => {
    const listedMd5s = encodeMd5s(['a', 'b', 'c', 'd'].map(md5));
    const compared = { ...send, listedMd5s };
    expect(countPlanned(compared, 7)).toBe(7);
    expect([...plannedParts(compared, 7)]).toEqual([
      { index: 0, listedMd5: md5('a') },
      { index: 1 },
      { index: 2, listedMd5: md5('b') },
      { index: 3, listedMd5: md5('c') },
      { index: 4 },
      { index: 5 },
      { index: 6, listedMd5: md5('d') },
    ]);
    expect(countPlanned({ ...send, missing: [[0, 6]], listedMd5s: encodeMd5s([]) }, 7)).toBe(7);
  });

  it.each([6, 8])('are refused for a file of %i parts if there are seven', (count) => {
    const listedMd5s = encodeMd5s(['a', 'b', 'c', 'd'].map(md5));
    expect(() => countPlanned({ ...send, listedMd5s }, count)).toThrow(
      expect.objectContaining({ code: 'INVALID_JOB' }),
    );
  });
});
