import { onTestFinished } from 'vitest';
import { createLogger } from '../../src/process/log.ts';
import { Consumer, type JobContext } from '../../src/queue/consumer.ts';
import { createLeaveNewerJob } from '../../src/queue/leave-newer-job.ts';
import { closeQueues, openQueues, type Queues } from '../../src/queue/queues.ts';
import { Breaker } from '../../src/quota/breaker.ts';
import { holdKey } from '../../src/quota/hold.ts';
import type { RedisClient } from '../../src/redis/client.ts';
import { workerConnection } from '../../src/redis/connection.ts';
import type { World } from './world.ts';

/** The world's queues, as a worker has them; they are closed with the test. */
export function connect(world: World): { readonly redis: RedisClient; readonly queues: Queues } {
  const redis = workerConnection({ location: world.redisUrl }, () => {});
  const queues = openQueues(redis, world.prefix);
  onTestFinished(async () => {
    await closeQueues(queues);
    redis.disconnect();
  });
  return { redis, queues };
}

/** A consumer of parts in this process, one at a time, whose attempts come at once; it is closed with the test. */
export async function startConsumer(
  world: World,
  { redis, queues }: ReturnType<typeof connect>,
  process: (attempt: JobContext) => Promise<unknown>,
): Promise<Consumer<{ readonly uploadId: string }>> {
  const log = createLogger({ logLevel: 'silent', logFormat: 'json', logRedact: [] });
  const breaker = await Breaker.start({
    ...{ queues, redis, log, key: holdKey(world.prefix), onChange: () => {} },
    ...{ quotaPerMinute: { init: 0, part: 0, finish: 0 }, minuteMs: 60_000 },
    probeMs: { outage: 1000, account: 1000 },
  });
  const consumer = new Consumer({
    ...{ stage: 'part', queue: queues.part, concurrency: 1, backoff: () => 0 },
    parse: (value) => value as { uploadId: string },
    process: (_data, attempt) => process(attempt),
    settings: {
      ...{
        connection: redis,
        name: 'consumer',
        prefix: world.prefix,
        log,
        breaker,
        leave: createLeaveNewerJob(log),
      },
      // Nobody but the holder takes a job from itself.
      ...{
        lockDurationMs: 600_000,
        stalledIntervalMs: 600_000,
        interruptionMs: 1,
        heldLookMs: 100,
        onPostponed: () => {},
      },
    },
  });
  onTestFinished(async () => {
    await consumer.worker.close();
    breaker.stop();
  });
  return consumer;
}
