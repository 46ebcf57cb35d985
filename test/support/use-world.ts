import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, inject } from 'vitest';
import type { EmulatorStats } from '../../src/emulator/control/stats.ts';
import type { EmulatorOptions, Fault } from '../../src/emulator/server.ts';
import type { Upload } from '../../src/index.ts';
import type { VodApi } from '../../src/vod/wire/protocol.ts';
import { writeRandomFile } from './files.ts';
import { World } from './world.ts';

/** A gate of the emulator where requests wait. */
export interface Gate {
  /** Resolves when at least `count` requests wait; default 1. */
  reached(count?: number): Promise<void>;
  /** Lets `count` requests pass, waiting ones first; default: all, including later ones. */
  open(count?: number): void;
  /** Number of waiting requests. */
  waiting(): number;
}

export interface WorldOfTests {
  world(): World;
  /** Writes a new source of `size` random bytes, different from all others. */
  source(name: string, size: number): Promise<string>;
  /** Adds `count` uploads of new sources. @param size bytes per source; default 1,000 */
  addUploads(count: number, size?: number): Promise<Upload[]>;
  inject(fault: Fault): void;
  /** Makes requests wait before their effect. @param target which requests; default all */
  gate(target?: Pick<Fault, 'action' | 'after' | 'offset' | 'fileSha'>): Gate;
  /** The emulator's statistics since the last test. */
  stats(): EmulatorStats;
  /** Downloads a video from its url. Rejects without a url. */
  download(url: string | null): Promise<Buffer>;
}

/**
 * A world for all tests of a file. Each test starts without workers, faults and counts.
 * @param options.ownRedis for tests that kill Redis or read all its keys; other files share one. REDIS_URL overrides
 *   both.
 */
export function useWorld(
  options: Partial<EmulatorOptions> & { readonly ownRedis?: boolean; readonly api?: VodApi } = {},
): WorldOfTests {
  const { ownRedis = false, api = 'v2', ...emulator } = options;
  let world: World;
  let seed = 0;
  let gates = 0;
  beforeAll(async () => {
    const redisUrl = process.env.REDIS_URL || (ownRedis ? undefined : inject('redisUrl'));
    world = await World.create({ redisUrl, api, emulator });
  });
  afterEach(() => world.reset());
  afterAll(() => world.close());
  const injectFault = (fault: Fault): void => world.emulator.control.inject(fault);
  const source = (name: string, size: number): Promise<string> =>
    writeRandomFile(join(world.sources, name), size, ++seed);
  return {
    world: () => world,
    source,
    addUploads: async (count, size = 1000) => {
      const paths = await Promise.all(Array.from({ length: count }, () => source(`added-${seed}.mp4`, size)));
      return await world.uploads.addMany(paths.map((path) => ({ source: path })));
    },
    inject: injectFault,
    gate(target = {}) {
      const name = `gate ${++gates}`;
      injectFault({ ...target, effect: { kind: 'gate', name }, share: 1 });
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
