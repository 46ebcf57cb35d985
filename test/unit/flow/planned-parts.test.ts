import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { encodeMd5s, plannedParts, plannedRanges, recordDone } from '../../../src/flow/planned-parts.ts';
import { parseInitValue, type SendValue } from '../../../src/queue/jobs/init.ts';
import { countIndices, type IndexRange } from '../../../src/upload/ranges.ts';
import { countReads } from '../../support/count-reads.ts';

const countPlanned = (init: SendValue, count: number): number => countIndices(plannedRanges(init, count));
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

describe('parts that are recorded as done', () => {
  it('are no longer planned, and no longer missing for workers that ignore the record', () => {
    const recorded = recordDone(recordDone(send, { sent: [5], same: [], checksums: [] }), {
      sent: [1, 1],
      same: [],
      checksums: [],
    });
    expect(recorded).toEqual({
      ...send,
      missing: [[4, 4]],
      sent: [
        [1, 1],
        [5, 5],
      ],
    });
    expect([...plannedParts(recorded, 7)]).toEqual([{ index: 4 }]);
    expect(parseInitValue(JSON.parse(JSON.stringify(recorded)))).toEqual(recorded);
  });

  it('are no longer planned when parts are compared, and the MD5s of the others stay theirs', () => {
    const compared = { ...send, listedMd5s: encodeMd5s(['a', 'b', 'c', 'd'].map(md5)) };
    const recorded = recordDone(compared, { sent: [0, 4], same: [2, 6], checksums: [] });
    expect(recorded).toMatchObject({ missing: send.missing, listedMd5s: compared.listedMd5s });
    expect([...plannedParts(recorded, 7)]).toEqual([
      { index: 1 },
      { index: 3, listedMd5: md5('c') },
      { index: 5 },
    ]);
    // Its job ran twice: the second time VOD had the part.
    expect(recordDone(recorded, { sent: [], same: [4], checksums: [] })).toEqual(recorded);
  });

  it('cost the same to record and to plan, however many are recorded', () => {
    const count = 200_000;
    const reads = (recordedParts: number): number => {
      const counted = countReads<IndexRange>([[recordedParts, count - 1]]);
      const sent = countReads<IndexRange>([[0, recordedParts - 1]]);
      const init = { ...send, missing: counted.array, sent: sent.array } as unknown as SendValue;
      const done = Array.from({ length: 2000 }, (_, index) => recordedParts + index);
      const recorded = recordDone(init, { sent: done, same: [], checksums: [] });
      expect(recorded).toMatchObject({
        missing: [[recordedParts + 2000, count - 1]],
        sent: [[0, recordedParts + 1999]],
      });
      plannedRanges(init, count);
      return counted.reads() + sent.reads();
    };
    expect(reads(190_000)).toBe(reads(1000));
  });
});
