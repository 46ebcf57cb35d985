import { describe, expect, it } from 'vitest';
import { PacedReads } from '../../../../src/ops/uploads/paced-reads.ts';

/** A clock that goes on only while somebody reads or rests. */
function rig() {
  let nowMs = 0;
  const rests: number[] = [];
  const turns = new PacedReads(
    () => nowMs,
    async (ms) => {
      rests.push(ms);
      nowMs += ms;
    },
  );
  let reads = 0;
  const reading = (tookMs: number) => async () => {
    reads++;
    nowMs += tookMs;
    return `read ${reads}`;
  };
  return { turns, rests, reading, reads: () => reads };
}

describe('PacedReads', () => {
  it('reads once for all who ask for the same', async () => {
    const { turns, reading, reads } = rig();
    const texts = await Promise.all([1, 2, 3].map(() => turns.take('a', reading(1))));
    expect([texts, reads()]).toEqual([['read 1', 'read 1', 'read 1'], 1]);
    expect(await turns.take('a', reading(1))).toBe('read 2');
  });

  it('rests for twenty times what reading took, and not for ever', async () => {
    const { turns, reading, rests } = rig();
    await Promise.all([
      turns.take('a', reading(10)),
      turns.take('b', reading(50_000)),
      turns.take('c', reading(0)),
    ]);
    expect(rests.slice(0, 2)).toEqual([200, 20_000]);
  });

  it('goes on after a failure, which is the answer to all who wait at that moment', async () => {
    const { turns, reading, reads } = rig();
    const fails = async (): Promise<string> => {
      throw new Error('away');
    };
    const outcomes = await Promise.allSettled([turns.take('a', fails), turns.take('b', reading(1))]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(reads()).toBe(0);
  });
});
