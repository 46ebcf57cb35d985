import { afterAll, beforeAll, expect, it } from 'vitest';
import { failuresOf, runMatrix } from '../chaos/step-matrix.ts';
import { World } from '../support/world.ts';

// The proxies are on this machine, before a Redis of the test's own.
const matrix = it.skipIf(process.env.REDIS_URL);

let world: World;

beforeAll(async () => {
  world = await World.create();
});
afterAll(() => world.close());

matrix.each(['before', 'after'] as const)(
  'a worker killed just %s any command to Redis leaves an upload that comes out the same',
  async (side) => {
    const outcomes = await runMatrix(world, { wire: 'redis', side });
    const struck = outcomes.filter((outcome) => outcome.struck !== undefined);
    process.stdout.write(`killed just ${side} each of ${struck.length} commands\n`);
    expect(failuresOf(outcomes)).toEqual([]);
    expect(struck.length).toBeGreaterThan(50);
  },
);
