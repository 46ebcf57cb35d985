import type { RedisClient } from '../../src/redis/client.ts';

/** Runs an action. @returns how often Redis executed each command meanwhile, including those in scripts */
export async function commandsBy(
  redis: RedisClient,
  action: () => Promise<unknown>,
): Promise<Record<string, number>> {
  const read = async (): Promise<Map<string, number>> => {
    const info = String(await redis.call('info', 'commandstats'));
    const lines = info.matchAll(/^cmdstat_(\S+):calls=(\d+)/gm);
    return new Map(Array.from(lines, ([, name = '', calls]) => [name, Number(calls)]));
  };
  const before = await read();
  await action();
  const after = await read();
  const counts = [...after].map(([name, calls]) => [name, calls - (before.get(name) ?? 0)] as const);
  return Object.fromEntries(counts.filter(([name, calls]) => calls > 0 && name !== 'info'));
}
