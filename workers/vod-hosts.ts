import { fulfilledWithin } from '../src/base/fulfilled-within.ts';
import type { Logger } from '../src/process/log.ts';
import type { Stage } from '../src/queue/names.ts';
import type { Queues } from '../src/queue/queues.ts';
import { Accounts } from '../src/quota/accounts.ts';
import { Breaker, type BreakerSettings, type BreakerState } from '../src/quota/breaker.ts';
import { apiHoldKey, holdKey } from '../src/quota/hold.ts';
import { closeRequestQuotas, openRequestQuotas, type RequestQuotas } from '../src/quota/quotas.ts';
import type { RedisClient } from '../src/redis/client.ts';
import { requireTime } from '../src/redis/optional-commands.ts';
import type { QuotaAction } from '../src/vod/wire/protocol.ts';
import { SYSTEMIC_CAUSES, VodError } from '../src/vod/wire/vod-error.ts';
import { openVodClients, type VodClients, type VodClientsDependencies } from './vod-clients.ts';

/** The stages that call VOD, by host. */
const UPLOAD_STAGES: readonly Stage[] = ['init', 'part', 'finish'];
const API_STAGES: readonly Stage[] = ['transcode'];

/** The stages that need the account's credentials. */
const VOD_STAGES: readonly Stage[] = [...UPLOAD_STAGES, ...API_STAGES, 'events'];

/** Time limit for removing what this process has in Redis at the end, in case Redis is unreachable. */
const CLOSE_MS = 1000;

export function callsVod(stages: ReadonlySet<Stage>): boolean {
  return VOD_STAGES.some((stage) => stages.has(stage));
}

/** Clients and circuit breakers of VOD's two hosts. */
export interface VodHosts extends VodClients {
  readonly breaker: Breaker;
  /** Of the host that `media` calls. */
  readonly apiBreaker: Breaker;
  /** The account's quotas. */
  readonly quotas: RequestQuotas;
  /** Updates the metrics of holds. Without Redis it is unknown whether the queues are held. */
  showHolds(): void;
  /** Why this process takes no jobs that call one of the hosts, for people. */
  unreadyReason(): string | undefined;
  close(): Promise<void>;
}

export interface VodHostsDependencies extends VodClientsDependencies {
  readonly stages: ReadonlySet<Stage>;
  readonly redis: RedisClient;
  readonly queues: Queues;
  readonly log: Logger;
}

/**
 * Creates the clients and breakers, and checks this process's key. If VOD refuses it, the process takes no jobs that
 * call VOD; if VOD can't be reached, it starts as usual.
 */
export async function openVodHosts(deps: VodHostsDependencies): Promise<VodHosts> {
  const { backend, media } = openVodClients(deps);
  const { redis, stages } = deps;
  const { queuePrefix: prefix, vod } = deps.config;
  const quotas = openRequestQuotas({ redis, prefix, vod });
  if (callsVod(stages) && Object.keys(quotas).length > 0) await requireTime(redis, prefix);
  const { breaker, apiBreaker, showHolds } = await startBreakers(deps, {
    checkKey: withPermit(backend.checkAction, quotas, (signal) => backend.checkKey(signal)),
    checkApiKey: withPermit(media.checkAction, quotas, (signal) => media.checkKey(signal)),
  });
  const accounts = callsVod(stages) ? await registerAccount(deps) : undefined;
  // Both hosts take the same key, so one request is enough.
  await (breaker.canProbe ? breaker : apiBreaker).checkKey();

  return {
    ...{ backend, media, breaker, apiBreaker, quotas, showHolds },
    unreadyReason: () => breaker.unreadyReason ?? apiBreaker.unreadyReason,
    async close() {
      backend.close();
      media.close();
      breaker.stop();
      apiBreaker.stop();
      await fulfilledWithin(Promise.all([accounts?.close(), closeRequestQuotas(quotas)]), CLOSE_MS);
    },
  };
}

type CheckKey = (signal: AbortSignal) => Promise<string>;

/** A check of the key is a request of `action`, and counts as one. */
function withPermit(action: QuotaAction, quotas: RequestQuotas, checkKey: CheckKey): CheckKey {
  return async (signal) => {
    const permit = await quotas[action]?.take();
    if (permit?.isGranted === false) {
      const fields = { action, code: 'QUOTA', kind: 'quota', reason: 'quota' } as const;
      throw new VodError(`the quota of ${action} is used up`, fields);
    }
    return await checkKey(signal);
  };
}

async function startBreakers(
  { config, stages, redis, queues, metrics, log }: VodHostsDependencies,
  { checkKey, checkApiKey }: { readonly checkKey: CheckKey; readonly checkApiKey: CheckKey },
): Promise<Pick<VodHosts, 'breaker' | 'apiBreaker' | 'showHolds'>> {
  const { queuePrefix: prefix, probeMs } = config;
  let state: BreakerState = {};
  let apiState: BreakerState = {};
  const showHolds = (): void => {
    const localHold = state.localHold ?? apiState.localHold;
    for (const reason of SYSTEMIC_CAUSES)
      metrics.workerOut.set({ reason }, localHold?.kind === reason ? 1 : 0);
    metrics.held.reset();
    if (redis.status !== 'ready') return;
    for (const reason of SYSTEMIC_CAUSES) metrics.held.set({ reason }, state.hold?.kind === reason ? 1 : 0);
  };
  const start = (
    checkKey: CheckKey,
    settings: Pick<BreakerSettings, 'key' | 'stages' | 'onChange'>,
  ): Promise<Breaker> =>
    Breaker.start({
      ...{ queues, redis, probeMs, log, ...settings },
      probe: settings.stages.some((stage) => stages.has(stage)) ? checkKey : undefined,
    });
  const breaker = await start(checkKey, {
    key: holdKey(prefix),
    stages: UPLOAD_STAGES,
    onChange: (changed) => {
      state = changed;
      showHolds();
    },
  });
  const apiBreaker = await start(checkApiKey, {
    key: apiHoldKey(prefix),
    stages: API_STAGES,
    onChange: (changed) => {
      apiState = changed;
      showHolds();
    },
  });
  return { breaker, apiBreaker, showHolds };
}

async function registerAccount({
  config,
  credentials,
  redis,
  metrics,
  log,
}: VodHostsDependencies): Promise<Accounts> {
  const accounts = new Accounts({
    ...{ redis, prefix: config.queuePrefix, log },
    secretId: async () => (await credentials()).secretId,
    onAccounts: (count) => metrics.accounts.set(count),
  });
  await accounts.register().catch((error: Error) => {
    log.warn(
      { reason: error.message },
      'redis does not let workers compare their accounts; this needs the permission +time',
    );
  });
  return accounts;
}
