import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { createV2Backend } from '../../src/backend/v2.ts';
import { createV2Media } from '../../src/backend/v2-media.ts';
import { loadConfig, requireCredentials } from '../../src/config/config.ts';
import { limitVariables } from '../../src/config/worker.ts';
import { LiveLimits } from '../../src/limits/live-limits.ts';
import { StoredLimits } from '../../src/limits/stored-limits.ts';
import { createWebhookSender } from '../../src/notify/webhook/send.ts';
import { STAGES, type Stage } from '../../src/queue/names.ts';
import { closeQueues, openQueues } from '../../src/queue/queues.ts';
import { Breaker } from '../../src/quota/breaker.ts';
import { apiHoldKey, type Hold, holdKey } from '../../src/quota/hold.ts';
import { workerConnection } from '../../src/redis/connection.ts';
import { Disk } from '../../src/source/disk.ts';
import { RootWatch } from '../../src/source/root-watch.ts';
import { createWorkerMetrics, type WorkerMetrics } from '../../src/telemetry/worker-metrics.ts';
import { createHasher } from '../../src/upload/hash.ts';
import { createApiClient } from '../../src/vod/api-client.ts';
import { createVodClient, type VodClient, type VodClientOptions } from '../../src/vod/client.ts';
import { Throttle } from '../../src/vod/http/throttle.ts';
import { startStages } from '../../workers/stages.ts';
import type { LogLine } from './process.ts';
import type { World } from './world.ts';

const NOT_RUN: readonly Stage[] = ['events', 'webhook'];

export interface WorkerStages {
  readonly metrics: WorkerMetrics;
  /** The worker's log. */
  readonly lines: readonly LogLine[];
  /** All holds of the queues and of this worker alone. */
  readonly holds: readonly Hold[];
}

/** Runs a worker in this process until the test ends, so that its VOD client can be replaced. */
export async function runStages(
  world: World,
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly client?: Partial<VodClientOptions>;
    /** Wraps the client. */
    readonly wrapClient?: (client: VodClient) => VodClient;
  },
): Promise<WorkerStages> {
  const config = loadConfig({ ...world.workerEnvironment, ...options.env });
  const lines: LogLine[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  const redis = workerConnection({ location: world.redisUrl }, () => {});
  const queues = openQueues(redis, world.prefix);
  const holds: Hold[] = [];
  const account = { credentials: requireCredentials(config), endpoint: config.vod.endpoint };
  const client = createVodClient({ ...account, ...options.client });
  const api = createApiClient(account);
  const guard = (key: string, { checkKey }: Pick<VodClient, 'checkKey'>): Promise<Breaker> =>
    Breaker.start({
      ...{ queues, redis, key, log, probeMs: config.probeMs },
      stages: ['init', 'part', 'finish'],
      probe: checkKey,
      onChange: ({ hold, localHold }) =>
        void holds.push(...[hold, localHold].filter((one) => one !== undefined)),
    });
  const breaker = await guard(holdKey(world.prefix), client);
  const apiBreaker = await guard(apiHoldKey(world.prefix), api);
  const webhooks = createWebhookSender({ connections: 1, secrets: [], allowPrivate: true, proxyEnv: {} });
  const hasher = createHasher({ threads: 1 });
  const disk = new Disk();
  const metrics = createWorkerMetrics('test');
  const stages = new Set(STAGES.filter((stage) => !NOT_RUN.includes(stage)));
  const { workers } = startStages(stages, {
    ...{ config, redis, queues, webhooks, breaker, apiBreaker, quotas: {}, hasher, disk, metrics, log },
    media: createV2Media(api),
    backend: createV2Backend(options.wrapClient?.(client) ?? client),
    throttle: new Throttle(config.maxBytesPerSecond.process),
    limits: new LiveLimits({
      ...{ stored: new StoredLimits(redis, world.prefix), log },
      variables: limitVariables(config),
    }),
    roots: new RootWatch(disk, [world.sources]),
  });
  onTestFinished(async () => {
    await Promise.all(workers.map((worker) => worker.close()));
    await Promise.all([hasher.close(), disk.close()]);
    for (const open of [client, api, webhooks]) open.close();
    for (const started of [breaker, apiBreaker]) started.stop();
    await closeQueues(queues);
    redis.disconnect();
  });
  return { metrics, lines, holds };
}
