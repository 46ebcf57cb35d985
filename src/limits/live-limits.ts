import type { Logger } from '../process/log.ts';
import { LIMITS, type LimitName, type LimitValues, limitInForce } from './limits.ts';
import type { SetLimits, StoredLimits } from './stored-limits.ts';

/** Interval of reading the limits from Redis, in case a message was lost. */
const POLL_MS = 30_000;

export interface LiveLimitsOptions {
  readonly stored: Pick<StoredLimits, 'read'>;
  /** The values of this process's variables. */
  readonly variables: LimitValues;
  readonly log: Logger;
}

/**
 * The limits in force in this process: it reads what is set in Redis, and follows timetables. While Redis can't be read,
 * what was read last stays in force.
 */
export class LiveLimits {
  readonly #options: LiveLimitsOptions;
  /** For each followed limit: puts into force what applies at this time. @returns when that changes */
  readonly #updates: ((nowMs: number) => number | undefined)[] = [];
  #set: SetLimits = { limits: {}, ignored: [] };
  /** Ignored fields that were logged. */
  #logged: ReadonlySet<string> = new Set();
  #isUnreadable = false;
  #isStopped = false;
  #poll: NodeJS.Timeout | undefined;
  #nextChange: NodeJS.Timeout | undefined;
  #isReading = false;
  #isOutdated = false;

  constructor(options: LiveLimitsOptions) {
    this.#options = options;
  }

  /** Reads the limits, now and every 30 s. */
  async start(): Promise<void> {
    this.#poll = setInterval(() => void this.refresh(), POLL_MS);
    this.#poll.unref();
    await this.refresh();
  }

  /** Calls `apply` with the value in force, at once and whenever it changes. */
  follow<Name extends LimitName>(name: Name, apply: (value: LimitValues[Name]) => void): void {
    const { log, variables } = this.#options;
    let last: string | undefined;
    this.#updates.push((nowMs) => {
      const limit = limitInForce(this.#set.limits[name], variables[name], nowMs);
      const value = LIMITS[name].type.format(limit.value);
      const described = `${value} ${limit.source}`;
      if (described !== last) {
        // Variables are in force from the start.
        if (last !== undefined || limit.source === 'redis') {
          const until = limit.next && new Date(limit.next.atMs).toISOString();
          log.info({ limit: name, value, source: limit.source, until }, 'limit in force');
        }
        last = described;
        apply(limit.value);
      }
      return limit.next?.atMs;
    });
    this.#update();
  }

  /** Reads the limits because they may have changed. Never rejects. */
  async refresh(): Promise<void> {
    this.#isOutdated = true;
    if (this.#isReading) return;
    this.#isReading = true;
    while (this.#isOutdated) {
      this.#isOutdated = false;
      await this.#read();
    }
    this.#isReading = false;
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#poll);
    clearTimeout(this.#nextChange);
  }

  async #read(): Promise<void> {
    const { stored, log } = this.#options;
    try {
      this.#set = await stored.read();
      this.#isUnreadable = false;
    } catch (error) {
      const reason = (error as Error).message;
      if (!this.#isUnreadable && !this.#isStopped)
        log.warn({ reason }, 'limits not read from redis; those in force stay');
      this.#isUnreadable = true;
    }
    if (this.#isStopped) return;
    const ignored = new Map(this.#set.ignored.map((field) => [JSON.stringify(field), field]));
    for (const [text, field] of ignored)
      if (!this.#logged.has(text)) log.warn(field, 'limit in redis ignored');
    this.#logged = new Set(ignored.keys());
    this.#update();
  }

  #update(): void {
    clearTimeout(this.#nextChange);
    const nowMs = Date.now();
    const changes = this.#updates.map((update) => update(nowMs)).filter((atMs) => atMs !== undefined);
    if (changes.length === 0) return;
    this.#nextChange = setTimeout(() => this.#update(), Math.min(...changes) - nowMs);
    this.#nextChange.unref();
  }
}
