import { afterAll, beforeAll, onTestFinished, test } from 'vitest';
import { canMakeNetworks } from '../support/network.ts';
import { startProxy } from '../support/proxy.ts';
import { type SlowLine, uploadOver } from '../support/slow-line.ts';
import { World } from '../support/world.ts';

let world: World;

beforeAll(async () => {
  world = await World.create();
});
afterAll(() => world.close());

const SLOWEST: SlowLine = { bitsPerSecond: 250_000, mebibytes: 6 };
const SLOW: SlowLine = { bitsPerSecond: 1_000_000, mebibytes: 12 };
const FASTER: SlowLine = { bitsPerSecond: 8_000_000, mebibytes: 40 };

// Where networks can be made, slow-line.test.ts has the fastest.
test.each(canMakeNetworks() ? [SLOWEST, SLOW] : [SLOWEST, SLOW, FASTER])(
  'a proxy that holds much of $mebibytes MiB at $bitsPerSecond bit/s brings each part about once',
  async (line) => {
    const proxy = await startProxy(Number(new URL(world.emulator.url).port));
    onTestFinished(() => proxy.close());
    proxy.slow(line.bitsPerSecond / 8);
    world.emulator.control.resetStats();
    await uploadOver(world, line, {
      endpoint: world.emulator.url.replace(/:\d+\//, `:${proxy.port}/`),
      control: { stats: async () => world.emulator.control.stats() },
    });
  },
);
