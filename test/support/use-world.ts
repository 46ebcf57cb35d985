import { join } from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';
import type { EmulatorOptions, Fault } from '../../src/emulator/server.ts';
import type { EmulatorStats } from '../../src/emulator/stats.ts';
import { writeRandomFile } from './files.ts';
import { World } from './world.ts';

export interface WorldOfTests {
  world(): World;
  /** A new source of so many random bytes, different from every other. */
  source(name: string, size: number): Promise<string>;
  inject(fault: Fault): void;
  /** What the emulator counted since the last test. */
  stats(): EmulatorStats;
  /** Makes every UploadPart take at least this long. */
  slowParts(ms: number): void;
  /** The bytes that VOD plays back. */
  download(url: string): Promise<Buffer>;
}

/** A world for all tests of a file, without workers, faults and counts at the start of each. */
export function useWorld(options: Partial<EmulatorOptions> = {}): WorldOfTests {
  let world: World;
  let seed = 0;
  beforeAll(async () => {
    world = await World.create(options);
  });
  afterEach(() => world.reset());
  afterAll(() => world.close());
  const inject = (fault: Fault): void => world.emulator.control.inject(fault);
  return {
    world: () => world,
    source: (name, size) => writeRandomFile(join(world.sources, name), size, ++seed),
    inject,
    stats: () => world.emulator.control.stats(),
    slowParts: (ms) => inject({ action: 'UploadPart', effect: { kind: 'latency', ms }, share: 1 }),
    download: async (url) => Buffer.from(await (await fetch(url)).arrayBuffer()),
  };
}
