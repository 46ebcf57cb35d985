import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { LimitedReads } from '../../../../src/ops/uploads/limited-reads.ts';

/** Readings that end when they are told to. */
function rig() {
  const reads = new LimitedReads();
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const ask = (key: string): Promise<string> =>
    reads.take(key, async () => {
      begun.push(key);
      await new Promise<void>((resolve) => ends.set(key, resolve));
      return `what ${key} says`;
    });
  return {
    ask,
    end: (key: string) => ends.get(key)?.(),
    /** What has begun when all that can go on has gone on. */
    async begun(): Promise<string[]> {
      await setImmediate();
      return begun;
    },
  };
}

it('reads once for all who ask for the same meanwhile', async () => {
  const { ask, begun, end } = rig();
  const both = Promise.all([ask('a'), ask('a')]);
  expect(await begun()).toEqual(['a']);
  end('a');
  expect(await both).toEqual(['what a says', 'what a says']);
  const again = ask('a');
  expect(await begun()).toEqual(['a', 'a']);
  end('a');
  await again;
});

it('reads for two at a time, and for the others in their order', async () => {
  const { ask, begun, end } = rig();
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(ask);
  expect(await begun()).toEqual(['a', 'b']);
  end('b');
  await b;
  expect(await begun()).toEqual(['a', 'b', 'c']);
  end('a');
  await a;
  expect(await begun()).toEqual(['a', 'b', 'c', 'd']);
  end('c');
  end('d');
  await Promise.all([c, d]);
});

it('refuses when too many wait', async () => {
  const { ask } = rig();
  for (let index = 0; index < 64; index++) void ask(`page ${index}`);
  await expect(ask('one more')).rejects.toMatchObject({ code: 'BUSY' });
});

it('goes on after a failure', async () => {
  const reads = new LimitedReads();
  const fails = (): Promise<string> => Promise.reject(new Error('away'));
  for (let index = 0; index < 3; index++) await expect(reads.take('a', fails)).rejects.toThrow('away');
  expect(await reads.take('a', () => Promise.resolve('back'))).toBe('back');
});
