import { CliProcess, type Ended } from './cli-process.ts';
import type { LogLine } from './process.ts';
import type { WorkerProcess, World } from './world.ts';

/** Runs `vod-upload limits …`. */
export async function runLimits(world: World, ...args: readonly string[]): Promise<Ended> {
  const env = { REDIS_URL: world.redisUrl, QUEUE_PREFIX: world.prefix };
  return await new CliProcess(['limits', ...args], { env, cwd: world.sources }).ended;
}

/** Resolves when a worker has put a value of a limit into force. */
export async function obeys(
  worker: WorkerProcess,
  value: string,
  source: 'redis' | 'variable',
): Promise<LogLine> {
  return await worker.line(
    (line) => line.msg === 'limit in force' && line.value === value && line.source === source,
  );
}
