import { describe, expect, it } from 'vitest';
import { VOD_APIS, type VodApi } from '../../src/vod/wire/protocol.ts';
import { type CaseOutcome, failuresOf, runMatrix } from '../chaos/step-matrix.ts';
import { useWorld } from '../support/use-world.ts';

// The proxies are on this machine, before a Redis of the test's own.
const matrix = it.skipIf(process.env.REDIS_URL);

/** The calls of an upload of three parts, in their order. */
const CALLS: Readonly<Record<VodApi, readonly string[]>> = {
  v2: ['InitUpload', 'UploadPart', 'UploadPart', 'UploadPart', 'FinishUpload'],
  '2018-07-17': [
    ...['ApplyUpload', 'InitiateMultipartUpload', 'UploadPart', 'UploadPart', 'UploadPart'],
    ...['ListParts', 'CompleteMultipartUpload', 'HeadObject', 'CommitUpload'],
  ],
};

/** What workers were killed at. */
const struckOf = (outcomes: readonly CaseOutcome[]): string[] =>
  outcomes.flatMap(({ struck }) => struck ?? []);

describe.each(VOD_APIS)('with VOD_API=%s', (api) => {
  const { world } = useWorld({ ownRedis: true, api });

  matrix.each(['before', 'after'] as const)(
    'a worker killed just %s any call to VOD leaves an upload that comes out the same',
    async (side) => {
      const outcomes = await runMatrix(world(), 'vod', side);
      expect(failuresOf(outcomes)).toEqual([]);
      expect(struckOf(outcomes)).toEqual(CALLS[api]);
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
});
