import { join } from 'node:path';
import { afterAll, beforeAll, it } from 'vitest';
import { emulatorBehind } from '../support/far-emulator.ts';
import { canMakeNetworks } from '../support/network.ts';
import { uploadOver } from '../support/slow-line.ts';
import { World } from '../support/world.ts';

let world: World;

beforeAll(async () => {
  world = await World.create();
});
afterAll(() => world.close());

// Slower networks may starve a TCP connection for longer than a piece may take: see slow-proxy.test.ts.
it.skipIf(!canMakeNetworks()).each([
  ['1 Mbit/s', { bitsPerSecond: 1_000_000, mebibytes: 12 }],
  ['8 Mbit/s', { bitsPerSecond: 8_000_000, mebibytes: 40 }],
])('a network of %s brings each part about once', async (_, line) => {
  const packets = `tbf rate ${line.bitsPerSecond}bit burst 8kb limit 64kb`;
  await uploadOver(world, line, await emulatorBehind(packets, join(world.sources, '..')));
});
