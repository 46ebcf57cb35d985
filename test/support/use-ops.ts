import { afterAll, beforeAll } from 'vitest';
import type { OpsProcess, World } from './world.ts';

/** One `vod-upload ops` process for all tests of a file: it is stateless. Call it after `useWorld`. */
export function useOps(world: () => World, env: Readonly<Record<string, string>> = {}): () => OpsProcess {
  let ops: OpsProcess;
  beforeAll(async () => {
    ops = world().startOps(env);
    await ops.ready();
  });
  afterAll(() => ops.end());
  return () => ops;
}
