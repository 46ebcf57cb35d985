import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, inject } from 'vitest';
import type { EmulatorStats } from '../../src/emulator/control/stats.ts';
import type { EmulatorOptions, Fault } from '../../src/emulator/server.ts';
import { writeRandomFile } from './files.ts';
import { World } from './world.ts';

/** Where requests to the emulator wait, as long as a test wants. */
export interface Gate {
  /** Resolves when at least so many requests wait; default 1. */
  reached(count?: number): Promise<void>;
  /** Lets so many requests go on, those that wait first; default: all, and all that come. */
  open(count?: number): void;
  /** Requests that wait now. */
  waiting(): number;
}

export interface WorldOfTests {
  world(): World;
  /** A new source of so many random bytes, different from every other. */
  source(name: string, size: number): Promise<string>;
  inject(fault: Fault): void;
  /** Holds requests, before their effect, until they are let go on. @param target which; default every one */
  gate(target?: Pick<Fault, 'action' | 'after' | 'offset' | 'fileSha'>): Gate;
  /** What the emulator counted since the last test. */
  stats(): EmulatorStats;
  /** The bytes that VOD plays back; rejects when there is no url. */
  download(url: string | null): Promise<Buffer>;
}

/**
 * A world for all tests of a file, without workers, faults and counts at the start of each.
 * @param options.ownRedis for tests that kill it, or look at all that is in it; the others of a run share one. REDIS_URL
 *   goes before both.
 */
export function useWorld(
  options: Partial<EmulatorOptions> & { readonly ownRedis?: boolean } = {},
): WorldOfTests {
  const { ownRedis = false, ...emulator } = options;
  let world: World;
  let seed = 0;
  let gates = 0;
  beforeAll(async () => {
    const redisUrl = process.env.REDIS_URL || (ownRedis ? undefined : inject('redisUrl'));
    world = await World.create({ redisUrl, emulator });
  });
  afterEach(() => world.reset());
  afterAll(() => world.close());
  const arm = (fault: Fault): void => world.emulator.control.inject(fault);
  return {
    world: () => world,
    source: (name, size) => writeRandomFile(join(world.sources, name), size, ++seed),
    inject: arm,
    gate(target = {}) {
      const name = `gate ${++gates}`;
      arm({ ...target, effect: { kind: 'gate', name }, share: 1 });
      const { control } = world.emulator;
      return {
        reached: (count = 1) => control.gateReached(name, count),
        open: (count) => control.openGate(name, count),
        waiting: () => control.stats().waitingAtGates[name] ?? 0,
      };
    },
    stats: () => world.emulator.control.stats(),
    download: async (url) => Buffer.from(await (await fetch(url ?? '')).arrayBuffer()),
  };
}
