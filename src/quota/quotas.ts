import type { RedisClient } from '../redis/client.ts';
import type { V2Action } from '../vod/wire/protocol.ts';
import { QuotaLog } from './quota-log.ts';
import { RequestQuota } from './request-quota.ts';

/** The account's quotas, in requests per minute; 0 = no limit of ours. */
export interface QuotasPerMinute {
  readonly init: number;
  readonly part: number;
  readonly finish: number;
  readonly transcode: number;
  /** Of PullEvent and of ConfirmEvent, each. */
  readonly event: number;
}

/** The actions with a quota. */
export type QuotaAction = V2Action;

const QUOTA_OF = {
  InitUpload: 'init',
  UploadPart: 'part',
  FinishUpload: 'finish',
  ConvertVodFile: 'transcode',
  PullEvent: 'event',
  ConfirmEvent: 'event',
} as const satisfies Record<QuotaAction, keyof QuotasPerMinute>;

export const QUOTA_ACTIONS = Object.keys(QUOTA_OF) as readonly QuotaAction[];

export function quotaOf(action: QuotaAction, quotas: QuotasPerMinute): number {
  return quotas[QUOTA_OF[action]];
}

export interface QuotaSettings {
  readonly redis: RedisClient;
  /** Prefix of all keys. */
  readonly prefix: string;
  /** As in the configuration. */
  readonly vod: {
    readonly quotaPerMinute: QuotasPerMinute;
    /** Length of the service's minute. */
    readonly quotaWindowMs: number;
    readonly quotaGuardMs: number;
  };
}

/** The log of an action's permits in Redis. @returns undefined when the action has no quota */
export function openQuotaLog(action: QuotaAction, settings: QuotaSettings): QuotaLog | undefined {
  const { redis, prefix, vod } = settings;
  const { quotaPerMinute, quotaWindowMs: minuteMs, quotaGuardMs: guardMs } = vod;
  const quota = quotaOf(action, quotaPerMinute);
  if (quota === 0) return undefined;
  return new QuotaLog({ redis, key: `${prefix}:vod-quota:${action}`, quota, minuteMs, guardMs });
}

/** This process's permits, by action. An action without a quota is absent. */
export type RequestQuotas = Readonly<Partial<Record<QuotaAction, RequestQuota>>>;

export function openRequestQuotas(settings: QuotaSettings): RequestQuotas {
  const { quotaGuardMs: guardMs } = settings.vod;
  const quotas: Partial<Record<QuotaAction, RequestQuota>> = {};
  for (const action of QUOTA_ACTIONS) {
    const log = openQuotaLog(action, settings);
    if (log !== undefined) quotas[action] = new RequestQuota({ log, guardMs });
  }
  return quotas;
}

/** Gives back the permits that this process did not use. */
export async function closeRequestQuotas(quotas: RequestQuotas): Promise<void> {
  await Promise.all(Object.values(quotas).map((quota) => quota.close()));
}
