import type { RedisClient } from '../redis/client.ts';
import type { QuotaAction, V2Action, VodApi } from '../vod/wire/protocol.ts';
import { QuotaLog } from './quota-log.ts';
import { RequestQuota } from './request-quota.ts';

/** The quotas of v2's actions, in requests per minute; 0 = no limit of ours. */
export interface QuotasPerMinute {
  readonly init: number;
  readonly part: number;
  readonly finish: number;
  readonly transcode: number;
  /** Of PullEvent and of ConfirmEvent, each. */
  readonly event: number;
}

const V2_QUOTAS = {
  InitUpload: 'init',
  UploadPart: 'part',
  FinishUpload: 'finish',
  ConvertVodFile: 'transcode',
  PullEvent: 'event',
  ConfirmEvent: 'event',
} as const satisfies Record<V2Action, keyof QuotasPerMinute>;

const API3_ACTIONS = [
  'ApplyUpload',
  'CommitUpload',
  'ProcessMediaByProcedure',
  'PullEvents',
  'ConfirmEvents',
] as const satisfies readonly QuotaAction[];

/** A number of requests in any period of this length. */
export interface ActionQuota {
  /** 0 = no limit of ours. */
  readonly requests: number;
  readonly periodMs: number;
}

/** The quotas of the account, as in the configuration. */
export interface AccountQuotas {
  readonly api: VodApi;
  readonly quotaPerMinute: QuotasPerMinute;
  /** Of each action of API 3.0; 0 = no limit of ours. */
  readonly quotaPerSecond: number;
  /** Length of the service's minute. */
  readonly quotaWindowMs: number;
}

/** The actions of the account's API that have a quota. */
export function quotaActions(api: VodApi): readonly QuotaAction[] {
  return api === 'v2' ? (Object.keys(V2_QUOTAS) as V2Action[]) : API3_ACTIONS;
}

export function quotaOf(action: QuotaAction, account: AccountQuotas): ActionQuota {
  const { quotaPerMinute, quotaPerSecond, quotaWindowMs } = account;
  if (action in V2_QUOTAS)
    return { requests: quotaPerMinute[V2_QUOTAS[action as V2Action]], periodMs: quotaWindowMs };
  return { requests: quotaPerSecond, periodMs: quotaWindowMs / 60 };
}

export interface QuotaSettings {
  readonly redis: RedisClient;
  /** Prefix of all keys. */
  readonly prefix: string;
  readonly vod: AccountQuotas & { readonly quotaGuardMs: number };
}

/** The log of an action's permits in Redis. @returns undefined when the action has no quota */
export function openQuotaLog(action: QuotaAction, settings: QuotaSettings): QuotaLog | undefined {
  const { redis, prefix, vod } = settings;
  const { requests: quota, periodMs: minuteMs } = quotaOf(action, vod);
  if (quota === 0) return undefined;
  const key = `${prefix}:vod-quota:${action}`;
  return new QuotaLog({ redis, key, quota, minuteMs, guardMs: guardOf(action, vod) });
}

/** A permit counts at most twice as long as its period. */
function guardOf(action: QuotaAction, vod: QuotaSettings['vod']): number {
  return Math.min(vod.quotaGuardMs, quotaOf(action, vod).periodMs);
}

/** This process's permits, by action. An action without a quota is absent. */
export type RequestQuotas = Readonly<Partial<Record<QuotaAction, RequestQuota>>>;

export function openRequestQuotas(settings: QuotaSettings): RequestQuotas {
  const { vod } = settings;
  const quotas: Partial<Record<QuotaAction, RequestQuota>> = {};
  for (const action of quotaActions(vod.api)) {
    const log = openQuotaLog(action, settings);
    if (log !== undefined) quotas[action] = new RequestQuota({ log, guardMs: guardOf(action, vod) });
  }
  return quotas;
}

/** Gives back the permits that this process did not use. */
export async function closeRequestQuotas(quotas: RequestQuotas): Promise<void> {
  await Promise.all(Object.values(quotas).map((quota) => quota.close()));
}
