import { z } from 'zod';
import { printable } from '../base/format.ts';
import { TROUBLES, type Trouble, type VodError } from '../vod/wire/vod-error.ts';

/** Why the queues that call VOD are held, for all replicas, or one process takes no jobs of theirs. */
export type HoldKind = Trouble;

/** A failed request that says something of all others. */
export interface Setback {
  readonly kind: HoldKind;
  readonly code: string;
  readonly message: string;
  /** How long VOD, or whoever answers for it, asks to be left alone, in ms. */
  readonly retryAfterMs?: number;
}

const holdSchema = z.object({
  /** Of a kind that it does not know a worker of an earlier version sees no hold. */
  kind: z.enum(TROUBLES),
  /** Milliseconds since 1970. */
  since: z.int(),
  /** Of the error that began it. */
  code: z.string(),
  message: z.string(),
});

/** What everybody can see while the queues are held. */
export type Hold = Readonly<z.infer<typeof holdSchema>>;

export function holdKey(prefix: string): string {
  return `${prefix}:vod-hold`;
}

/** Of the queue that calls VOD's other host, for what comes after an upload: what is wrong there holds no upload. */
export function apiHoldKey(prefix: string): string {
  return `${prefix}:vod-api-hold`;
}

/** @returns undefined when nothing is held, or what is there is none of ours */
export function parseHold(value: string | null): Hold | undefined {
  try {
    return holdSchema.safeParse(JSON.parse(value ?? 'null')).data;
  } catch {
    return undefined;
  }
}

/** @returns undefined when the failure is about the one request only */
export function setbackOf({ trouble, code, message, retryAfterMs }: VodError): Setback | undefined {
  return trouble && { kind: trouble, code, message, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}

/** What each kind of hold is to people: in a few words, and in a sentence that says how it ends. */
export const HOLD_TEXTS: Readonly<Record<HoldKind, { readonly title: string; readonly sentence: string }>> = {
  outage: {
    title: 'VOD is out',
    sentence: 'VOD does not answer; nothing is lost, and uploads go on when it does',
  },
  blocked: {
    title: 'Requests do not get through to VOD',
    sentence:
      'something on the way answers in place of VOD; nothing is lost, and uploads go on when VOD does',
  },
  account: {
    title: 'The account is refused',
    sentence: 'VOD refuses the account of the workers; uploads go on when that is mended',
  },
  clock: {
    title: "The workers' clock is wrong",
    sentence: 'VOD refuses what is signed by the clock of the workers; uploads go on when that is set',
  },
};

/** Why uploads are held, for people. */
export function describeHold({ kind, code, message }: Hold): string {
  return `${HOLD_TEXTS[kind].sentence}: ${printable(message)} [${code}]`;
}
