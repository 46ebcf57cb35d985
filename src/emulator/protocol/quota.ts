/** Limits and peaks of v2 requests per sliding window, for each action. */
import type { V2Action } from '../../vod/wire/protocol.ts';
import { ACTIONS } from './actions.ts';
import { Refusal } from './reply.ts';
import { RequestWindows } from './windows.ts';

/** Requests per window; 0 or undefined: no limit. */
export interface QuotaLimits {
  readonly init?: number | undefined;
  readonly part?: number | undefined;
  readonly finish?: number | undefined;
  readonly convert?: number | undefined;
  readonly pull?: number | undefined;
  readonly confirm?: number | undefined;
}

const LIMIT_NAMES = {
  InitUpload: 'init',
  UploadPart: 'part',
  FinishUpload: 'finish',
  ConvertVodFile: 'convert',
  PullEvent: 'pull',
  ConfirmEvent: 'confirm',
} as const satisfies Record<V2Action, keyof QuotaLimits>;

export class Quota extends RequestWindows<V2Action> {
  #limits: QuotaLimits;

  /** @param clock in ms */
  constructor(limits: QuotaLimits, windowMs: number, clock: () => number) {
    super(ACTIONS, windowMs, clock);
    this.#limits = limits;
  }

  setLimits(limits: QuotaLimits): void {
    this.#limits = limits;
  }

  /** @throws {Refusal} 4400 when the limit is reached; a refused request does not count towards it. */
  admit(action: V2Action): void {
    const limit = this.#limits[LIMIT_NAMES[action]] ?? 0;
    if (this.admits(action, limit)) return;
    throw new Refusal(4400, `quota of ${limit} ${action} requests is used up`);
  }
}
