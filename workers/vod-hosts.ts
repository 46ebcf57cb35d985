import { fulfilledWithin } from '../src/base/fulfilled-within.ts';
import type { Config } from '../src/config/config.ts';
import type { Logger } from '../src/process/log.ts';
import type { Stage } from '../src/queue/names.ts';
import type { Queues } from '../src/queue/queues.ts';
import { Accounts } from '../src/quota/accounts.ts';
import { Breaker, type BreakerState } from '../src/quota/breaker.ts';
import { apiHoldKey, holdKey } from '../src/quota/hold.ts';
import type { RedisClient } from '../src/redis/client.ts';
import type { WorkerMetrics } from '../src/telemetry/worker-metrics.ts';
import { createApiClient, type VodApiClient } from '../src/vod/api-client.ts';
import { createVodClient, type VodClient, type VodClientOptions } from '../src/vod/client.ts';
import type { VodCredentials } from '../src/vod/wire/params.ts';
import { SYSTEMIC_CAUSES } from '../src/vod/wire/vod-error.ts';
import { vodObserver } from './observe.ts';
import { tracedApiClient, tracedClient } from './spans.ts';
import { CONTROL_CONCURRENCY } from './stages.ts';

/** Those whose jobs call VOD, by the host that they call. */
const UPLOAD_STAGES: readonly Stage[] = ['init', 'part', 'finish'];
const API_STAGES: readonly Stage[] = ['transcode'];

/** Only these need the account's credentials. */
const VOD_STAGES: readonly Stage[] = [...UPLOAD_STAGES, ...API_STAGES, 'events'];

/** What others need not hear takes no longer, should Redis be away. */
const FAREWELL_MS = 1000;

export function callsVod(stages: ReadonlySet<Stage>): boolean {
  return VOD_STAGES.some((stage) => stages.has(stage));
}

/** The two hosts of VOD, as a worker process calls them. */
export interface VodHosts {
  readonly vod: VodClient;
  readonly api: VodApiClient;
  readonly breaker: Breaker;
  /** Of the host that `api` calls. */
  readonly apiBreaker: Breaker;
  /** Brings the metrics of holds up to date: without Redis nobody knows whether one goes on. */
  showHolds(): void;
  /** Why this process takes no jobs that call one of them, for people. */
  unready(): string | undefined;
  close(): Promise<void>;
}

/**
 * Makes the clients, and finds out whether VOD takes this process's key. One that it does not take begins out; when VOD
 * can't be reached it begins as usual.
 */
export async function openVodHosts(deps: {
  readonly config: Config;
  readonly stages: ReadonlySet<Stage>;
  readonly credentials: () => VodCredentials | Promise<VodCredentials>;
  readonly redis: RedisClient;
  readonly queues: Queues;
  readonly metrics: WorkerMetrics;
  readonly log: Logger;
}): Promise<VodHosts> {
  const { config, stages, credentials, redis, queues, metrics, log } = deps;
  const { queuePrefix: prefix, vod: settings } = config;
  const account: Omit<VodClientOptions, 'endpoint'> = {
    credentials,
    region: settings.region,
    signatureMethod: settings.signatureMethod,
    proxyEnv: config.proxyEnv,
    onRequest: vodObserver(metrics),
  };
  const client = createVodClient({
    ...account,
    endpoint: settings.endpoint,
    connections: config.partConcurrency.max + 2 * CONTROL_CONCURRENCY,
    ...(config.maxBytesPerSecond.process !== undefined && {
      maxBytesPerSecond: config.maxBytesPerSecond.process,
    }),
  });
  const apiClient = createApiClient({ ...account, endpoint: settings.eventEndpoint });

  let state: BreakerState = {};
  let apiState: BreakerState = {};
  const showHolds = (): void => {
    const out = state.localHold ?? apiState.localHold;
    for (const reason of SYSTEMIC_CAUSES) metrics.workerOut.set({ reason }, out?.kind === reason ? 1 : 0);
    metrics.held.reset();
    if (redis.status !== 'ready') return;
    for (const reason of SYSTEMIC_CAUSES) metrics.held.set({ reason }, state.hold?.kind === reason ? 1 : 0);
  };
  const start = (
    of: Pick<Parameters<typeof Breaker.start>[0], 'key' | 'quotaPerMinute' | 'onChange'>,
    callers: readonly Stage[],
    checkKey: (signal: AbortSignal) => Promise<string>,
  ): Promise<Breaker> =>
    Breaker.start({
      ...of,
      ...{ queues, redis, minuteMs: settings.quotaWindowMs, probeMs: config.probeMs, log },
      probe: callers.some((stage) => stages.has(stage)) ? checkKey : undefined,
    });
  const { init, part, finish, transcode } = settings.quotaPerMinute;
  const breaker = await start(
    {
      key: holdKey(prefix),
      quotaPerMinute: { init, part, finish },
      onChange: (now) => {
        state = now;
        showHolds();
      },
    },
    UPLOAD_STAGES,
    (signal) => client.checkKey(signal),
  );
  const apiBreaker = await start(
    {
      key: apiHoldKey(prefix),
      quotaPerMinute: { transcode },
      onChange: (now) => {
        apiState = now;
        showHolds();
      },
    },
    API_STAGES,
    (signal) => apiClient.checkKey(signal),
  );
  const accounts = callsVod(stages)
    ? new Accounts({
        ...{ redis, prefix, log },
        secretId: async () => (await credentials()).secretId,
        onAccounts: (count) => metrics.accounts.set(count),
      })
    : undefined;
  await accounts?.register().catch((error: Error) => {
    log.warn({ reason: error.message }, 'redis does not let workers compare their accounts; it takes +time');
  });
  // One request says what there is to know of the key.
  await (breaker.canProbe ? breaker : apiBreaker).checkKey();

  const traced = config.tracing !== undefined;
  return {
    vod: traced ? tracedClient(client) : client,
    api: traced ? tracedApiClient(apiClient) : apiClient,
    breaker,
    apiBreaker,
    showHolds,
    unready: () => breaker.unreadyReason ?? apiBreaker.unreadyReason,
    async close() {
      client.close();
      apiClient.close();
      breaker.stop();
      apiBreaker.stop();
      if (accounts !== undefined) await fulfilledWithin(accounts.close(), FAREWELL_MS);
    },
  };
}
