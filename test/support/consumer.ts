import { Worker } from 'bullmq';
import { onTestFinished } from 'vitest';
import { createLogger } from '../../src/process/log.ts';
import { Consumer, type JobContext } from '../../src/queue/consumer.ts';
import { createLeaveNewerJob } from '../../src/queue/leave-newer-job.ts';
import { QUEUES } from '../../src/queue/names.ts';
import { closeQueues, openQueues, type Queues } from '../../src/queue/queues.ts';
import { Breaker } from '../../src/quota/breaker.ts';
import { holdKey } from '../../src/quota/hold.ts';
import type { RedisClient } from '../../src/redis/client.ts';
import { workerConnection } from '../../src/redis/connection.ts';
import type { World } from './world.ts';

/** Opens the world's queues as a worker does; closed after the test. */
export function connect(world: World): { readonly redis: RedisClient; readonly queues: Queues } {
  const redis = workerConnection({ location: world.redisUrl }, () => {});
  const queues = openQueues(redis, world.prefix);
  onTestFinished(async () => {
    await closeQueues(queues);
    redis.disconnect();
  });
  return { redis, queues };
}

/** Starts a consumer of parts in this process, with concurrency 1 and no backoff; closed after the test. */
export async function startConsumer(
  world: World,
  { redis, queues }: ReturnType<typeof connect>,
  process: (attempt: JobContext) => Promise<unknown>,
): Promise<Consumer<{ readonly uploadId: string }>> {
  const log = createLogger({ logLevel: 'silent', logFormat: 'json', logRedact: [] });
  const breaker = await Breaker.start({
    ...{ queues, redis, log, key: holdKey(world.prefix), onChange: () => {} },
    stages: ['init', 'part', 'finish'],
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
      // So long that no lock expires during a test.
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

/** Connects a worker of parts that takes no jobs; closed after the test. */
export async function connectIdleWorker(world: World, redis: RedisClient, name: string): Promise<void> {
  const options = { connection: redis, prefix: world.prefix, name, autorun: false };
  const worker = new Worker(QUEUES.part, async () => {}, options);
  onTestFinished(() => worker.close());
  await worker.waitUntilReady();
}
