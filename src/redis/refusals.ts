import type { Logger } from '../process/log.ts';
import type { CredentialFiles } from './credentials.ts';
import { locationVariable, maskedLocation, type RedisLocation } from './location.ts';

/** A reply with which Redis or a sentinel refuses a connection. */
export interface Refusal {
  /** `login`: wrong user or password; `full`: `maxclients` is reached. */
  readonly kind: 'login' | 'full';
  /** The reply: `WRONGPASS invalid username-password pair or user is disabled.` */
  readonly reply: string;
}

const LOGIN = /^-?((WRONGPASS|NOAUTH|ERR invalid password)[^\r\n]{0,200})/;
const FULL = /^-?(ERR max number of clients[^\r\n]{0,200})/;

/** @param text the first bytes of a reply, or the message of an error */
export function parseRefusal(text: string): Refusal | undefined {
  for (const [kind, pattern] of [
    ['login', LOGIN],
    ['full', FULL],
  ] as const) {
    const [, reply] = pattern.exec(text) ?? [];
    if (reply !== undefined) return { kind, reply };
  }
  return undefined;
}

/** What Redis does, by kind of refusal; for messages after the word "Redis". */
export const REFUSED = {
  login: 'refuses these credentials',
  full: 'takes no more connections',
} as const satisfies Record<Refusal['kind'], string>;

export const FULL_ADVICE =
  'Raise its maxclients (CONFIG SET maxclients, and in redis.conf), or run fewer processes that use it.';

/** Each kind of refusal is logged at most once in this time. */
const LOG_INTERVAL_MS = 60_000;
/** A refused connection is tried again within seconds, so after this time without a refusal the cause is gone. */
const EXPIRY_MS = 10_000;

/** The refusals of this process's Redis connections: logged once a minute, and a reason for `/readyz` to fail. */
export class Refusals {
  readonly #target: CredentialFiles & { readonly location: RedisLocation };
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #loggedAtMs = new Map<Refusal['kind'], number>();
  #last: { readonly refusal: Refusal; readonly atMs: number } | undefined;

  constructor(
    target: CredentialFiles & { readonly location: RedisLocation },
    options: { readonly log: Logger; readonly now?: () => number },
  ) {
    this.#target = target;
    this.#log = options.log;
    this.#now = options.now ?? (() => performance.now());
  }

  readonly record = (refusal: Refusal): void => {
    const { kind, reply } = refusal;
    const atMs = this.#now();
    this.#last = { refusal, atMs };
    if (atMs - (this.#loggedAtMs.get(kind) ?? Number.NEGATIVE_INFINITY) < LOG_INTERVAL_MS) return;
    this.#loggedAtMs.set(kind, atMs);
    const redisUrl = maskedLocation(this.#target.location);
    this.#log.warn({ redisUrl, reply, fix: this.#fix(kind) }, `redis ${REFUSED[kind]}`);
  };

  /** Why this process is not ready, with what to do; undefined when Redis refuses nothing. */
  get unready(): string | undefined {
    if (this.#last === undefined || this.#now() - this.#last.atMs >= EXPIRY_MS) return undefined;
    const { kind, reply } = this.#last.refusal;
    return `Redis ${REFUSED[kind]} (${reply}). ${this.#fix(kind)}`;
  }

  #fix(kind: Refusal['kind']): string {
    if (kind === 'full') return FULL_ADVICE;
    const { location, locationFile, sentinelPasswordFile } = this.#target;
    const places = [placeOf(locationVariable(location), locationFile)];
    if (
      sentinelPasswordFile !== undefined ||
      (typeof location === 'object' && 'sentinelPassword' in location)
    ) {
      places.push(placeOf('REDIS_SENTINEL_PASSWORD', sentinelPasswordFile));
    }
    const isReadAgain = locationFile !== undefined || sentinelPasswordFile !== undefined;
    const next = isReadAgain ? 'which is read again automatically' : 'and restart this process';
    return `Put the right user and password into ${places.join(' or ')}, ${next}.`;
  }
}

function placeOf(variable: string, file: string | undefined): string {
  return file === undefined ? variable : `the file of ${variable}_FILE`;
}
