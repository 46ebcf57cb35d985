import { afterAll, beforeAll, expect, it } from 'vitest';
import { failuresOf, runMatrix } from '../chaos/step-matrix.ts';
import { World } from '../support/world.ts';

/** Every so many commands; test/full/step-matrix.test.ts tries each. */
const STRIDE = 9;

/** Some thirty processes start and die, one after the other on a machine that is busy. */
const TIMEOUT_MS = 300_000;

// The proxies are on this machine, before a Redis of the test's own.
const matrix = it.skipIf(process.env.REDIS_URL);

let world: World;

beforeAll(async () => {
  world = await World.create();
});
afterAll(() => world.close());

matrix.each(['before', 'after'] as const)(
  'a worker killed just %s any call to VOD leaves an upload that comes out the same',
  async (side) => {
    const outcomes = await runMatrix(world, { wire: 'vod', side });
    expect(failuresOf(outcomes)).toEqual([]);
    const struck = outcomes.map((outcome) => outcome.struck).filter((name) => name !== undefined);
    expect(struck).toEqual(['InitUpload', 'UploadPart', 'UploadPart', 'UploadPart', 'FinishUpload']);
  },
  TIMEOUT_MS,
);

matrix.each([
  { side: 'before', from: 1 },
  { side: 'after', from: 5 },
] as const)(
  'a worker killed just $side a command to Redis leaves an upload that comes out the same (a sample)',
  async ({ side, from }) => {
    const outcomes = await runMatrix(world, { wire: 'redis', side, from, stride: STRIDE });
    expect(failuresOf(outcomes)).toEqual([]);
    expect(outcomes.filter(({ struck }) => struck !== undefined).length).toBeGreaterThanOrEqual(6);
  },
  TIMEOUT_MS,
);
