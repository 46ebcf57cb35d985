/** Limits and peaks of API 3.0 requests per second, for each action. */
import { API3_ACTIONS, type Api3Action } from './api3-actions.ts';
import { Api3Refusal } from './api3-reply.ts';
import { RequestWindows } from './windows.ts';

/** Requests per second; 0 or undefined: no limit. */
export type Api3QuotaLimits = { readonly [action in Api3Action]?: number | undefined };

export class Api3Quota extends RequestWindows<Api3Action> {
  #limits: Api3QuotaLimits;

  /** @param clock in ms */
  constructor(limits: Api3QuotaLimits, windowMs: number, clock: () => number) {
    super(API3_ACTIONS, windowMs, clock);
    this.#limits = limits;
  }

  setLimits(limits: Api3QuotaLimits): void {
    this.#limits = limits;
  }

  /** @throws {Api3Refusal} RequestLimitExceeded; a refused request does not count towards the limit. */
  admit(action: Api3Action): void {
    const limit = this.#limits[action] ?? 0;
    if (this.admits(action, limit)) return;
    throw new Api3Refusal('RequestLimitExceeded', `More than ${limit} requests of ${action} per second`);
  }
}
