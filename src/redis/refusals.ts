import type { Logger } from '../process/log.ts';
import { type RedisLocation, showLocation, variableOf } from './location.ts';
import type { LoginFiles } from './login.ts';

/** A reply by which Redis, or a sentinel, does not let somebody in. */
export interface Refusal {
  /** What is wrong: user or password, or that it has as many connections as it takes. */
  readonly kind: 'login' | 'full';
  /** As it was said: `WRONGPASS invalid username-password pair or user is disabled.` */
  readonly reply: string;
}

const LOGIN = /^-?((WRONGPASS|NOAUTH|ERR invalid password)[^\r\n]{0,200})/;
const FULL = /^-?(ERR max number of clients[^\r\n]{0,200})/;

/** @param text the first bytes of a reply, or the message of an error */
export function refusalIn(text: string): Refusal | undefined {
  for (const [kind, pattern] of [
    ['login', LOGIN],
    ['full', FULL],
  ] as const) {
    const [, reply] = pattern.exec(text) ?? [];
    if (reply !== undefined) return { kind, reply };
  }
  return undefined;
}

/** What is told of refusals, and what to do. */
export const REFUSED = {
  login: 'refuses these credentials',
  full: 'takes no more connections',
} as const satisfies Record<Refusal['kind'], string>;

export const FULL_ADVICE =
  'Raise its maxclients (CONFIG SET maxclients, and in redis.conf), or run fewer processes that use it.';

/** While it goes on, each kind of refusal is told so often. */
const TELL_EVERY_MS = 60_000;
/** All who are refused come again within seconds, so without one in this time nobody is refused any more. */
const OVER_AFTER_MS = 10_000;

/** The refusals that this process's connections to Redis meet: a line of the log a minute, and a reason not to be ready. */
export class Refusals {
  readonly #target: LoginFiles & { readonly location: RedisLocation };
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #toldMs = new Map<Refusal['kind'], number>();
  #last: { readonly refusal: Refusal; readonly atMs: number } | undefined;

  constructor(
    target: LoginFiles & { readonly location: RedisLocation },
    options: { readonly log: Logger; readonly now?: () => number },
  ) {
    this.#target = target;
    this.#log = options.log;
    this.#now = options.now ?? (() => performance.now());
  }

  readonly met = (refusal: Refusal): void => {
    const { kind, reply } = refusal;
    const atMs = this.#now();
    this.#last = { refusal, atMs };
    if (atMs - (this.#toldMs.get(kind) ?? Number.NEGATIVE_INFINITY) < TELL_EVERY_MS) return;
    this.#toldMs.set(kind, atMs);
    const redisUrl = showLocation(this.#target.location);
    this.#log.warn({ redisUrl, reply, fix: this.#fix(kind) }, `redis ${REFUSED[kind]}`);
  };

  /** What Redis refuses, and what to do, in words; undefined when it refuses nothing. */
  get unready(): string | undefined {
    if (this.#last === undefined || this.#now() - this.#last.atMs >= OVER_AFTER_MS) return undefined;
    const { kind, reply } = this.#last.refusal;
    return `Redis ${REFUSED[kind]} (${reply}). ${this.#fix(kind)}`;
  }

  #fix(kind: Refusal['kind']): string {
    if (kind === 'full') return FULL_ADVICE;
    const { location, locationFile, sentinelPasswordFile } = this.#target;
    const variable = variableOf(location);
    const hasSentinelPassword =
      sentinelPasswordFile !== undefined || (typeof location === 'object' && 'sentinelPassword' in location);
    const and = hasSentinelPassword ? ` or ${nameOf('REDIS_SENTINEL_PASSWORD', sentinelPasswordFile)}` : '';
    const again =
      locationFile === undefined && sentinelPasswordFile === undefined
        ? 'and start it anew'
        : 'which is read again by itself';
    return `Put the right user and password into ${nameOf(variable, locationFile)}${and}, ${again}.`;
  }
}

function nameOf(variable: string, file: string | undefined): string {
  return file === undefined ? variable : `the file of ${variable}_FILE`;
}
