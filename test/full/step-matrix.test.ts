import { expect, it } from 'vitest';
import { type CaseOutcome, failuresOf, runMatrix } from '../chaos/step-matrix.ts';
import { useWorld } from '../support/use-world.ts';

// The proxies are on this machine, before a Redis of the test's own.
const matrix = it.skipIf(process.env.REDIS_URL);

const { world } = useWorld({ ownRedis: true });

/** What workers were killed at. */
const struckOf = (outcomes: readonly CaseOutcome[]): string[] =>
  outcomes.flatMap(({ struck }) => struck ?? []);

matrix.each(['before', 'after'] as const)(
  'a worker killed just %s any call to VOD leaves an upload that comes out the same',
  async (side) => {
    const outcomes = await runMatrix(world(), 'vod', side);
    expect(failuresOf(outcomes)).toEqual([]);
    const calls = ['InitUpload', 'UploadPart', 'UploadPart', 'UploadPart', 'FinishUpload'];
    expect(struckOf(outcomes)).toEqual(calls);
  },
);

matrix.each(['before', 'after'] as const)(
  'a worker killed just %s any command to Redis leaves an upload that comes out the same',
  async (side) => {
    const outcomes = await runMatrix(world(), 'redis', side);
    const struck = struckOf(outcomes);
    process.stdout.write(`killed just ${side} each of ${struck.length} commands\n`);
    expect(failuresOf(outcomes)).toEqual([]);
    for (const queue of ['vod-upload', 'vod-hash', 'vod-init', 'vod-finish'])
      expect(struck.join('\n')).toContain(` ${queue}:`);
  },
);
