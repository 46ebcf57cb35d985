import { z } from 'zod';
import { defined } from '../base/defined.ts';
import { printable } from '../base/printable.ts';
import { SYSTEMIC_CAUSES, type SystemicCause, type VodError } from '../vod/wire/vod-error.ts';

/** Why all queues that call VOD are held, or why one process takes none of their jobs. */
export type HoldKind = SystemicCause;

/** A failed request whose cause affects all other requests too. */
export interface SystemicFailure {
  readonly kind: HoldKind;
  readonly code: string;
  readonly message: string;
  /** From Retry-After, in ms. */
  readonly retryAfterMs?: number;
}

const holdSchema = z.object({
  /** A worker of an earlier version ignores a hold whose kind it does not know. */
  kind: z.enum(SYSTEMIC_CAUSES),
  /** Milliseconds since 1970. */
  since: z.int(),
  /** Code and message of the error that caused the hold. */
  code: z.string(),
  message: z.string(),
});

/** The hold of the queues, as stored in Redis for all processes. */
export type Hold = Readonly<z.infer<typeof holdSchema>>;

export function holdKey(prefix: string): string {
  return `${prefix}:vod-hold`;
}

/** Key of the hold for VOD's other host, which is called after an upload: its outages hold no uploads. */
export function apiHoldKey(prefix: string): string {
  return `${prefix}:vod-api-hold`;
}

/** @returns undefined when there is no hold, or the value is not a valid one */
export function parseHold(value: string | null): Hold | undefined {
  try {
    return holdSchema.safeParse(JSON.parse(value ?? 'null')).data;
  } catch {
    return undefined;
  }
}

/** @returns undefined when the failure concerns only this one request */
export function systemicFailure({
  systemicCause,
  code,
  message,
  retryAfterMs,
}: VodError): SystemicFailure | undefined {
  return systemicCause && defined({ kind: systemicCause, code, message, retryAfterMs });
}

/** Each kind of hold in words: a short title, and a sentence that says when uploads resume. */
export const HOLD_TEXTS: Readonly<Record<HoldKind, { readonly title: string; readonly sentence: string }>> = {
  outage: {
    title: 'VOD does not answer',
    sentence: 'VOD does not answer; nothing is lost, and uploads resume when it does',
  },
  blocked: {
    title: 'Requests do not reach VOD',
    sentence:
      'a proxy, firewall or maintenance page answers in place of VOD; nothing is lost, and uploads resume when VOD answers',
  },
  account: {
    title: 'VOD refuses the account',
    sentence: "VOD refuses the workers' account; uploads resume when this is fixed",
  },
  clock: {
    title: "The workers' clock is wrong",
    sentence: "VOD refuses requests signed by the workers' clock; uploads resume when the clock is right",
  },
};

/** Why uploads are held, for people. */
export function describeHold({ kind, code, message }: Hold): string {
  return `${HOLD_TEXTS[kind].sentence}: ${printable(message)} [${code}]`;
}
