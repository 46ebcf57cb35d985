import { setTimeout } from 'node:timers/promises';
import type { Queue } from 'bullmq';
import { enqueueVodEvents } from '../src/events/vod-event-queue.ts';
import type { Logger } from '../src/process/log.ts';
import { failureOf } from '../src/queue/failure.ts';
import { scaleHoldMs } from '../src/quota/limits.ts';
import type { SharedRate } from '../src/redis/shared-rate.ts';
import type { VodApiClient } from '../src/vod/api-client.ts';
import { confirmGroups } from '../src/vod/wire/params.ts';
import { VodError } from '../src/vod/wire/vod-error.ts';

/** After nothing to confirm at once, so from a service that does not hold the request, the next pull waits this long. */
const IDLE_MS = 1000;

export interface PullerOptions {
  readonly api: VodApiClient;
  /** Of events. */
  readonly queue: Queue;
  /** The account's quotas; absent = no limit of ours. */
  readonly rates: { readonly pull: SharedRate; readonly confirm: SharedRate } | undefined;
  /** How long the service's minute is. */
  readonly minuteMs: number;
  /** Milliseconds to wait after so many failures in a row. */
  readonly backoff: (failures: number) => number;
  /** The same while the account, or this machine's clock, is refused. */
  readonly accountProbeMs: number;
  /** Told of entries that are no events, and of events that can't be confirmed. */
  readonly onOdd: (odd: OddEntries) => void;
  readonly log: Logger;
}

export interface OddEntries {
  readonly unreadable: number;
  readonly unconfirmed: number;
}

/**
 * Pulls events from VOD for as long as it runs. Each is in its queue in Redis before it is confirmed, so one that this
 * process, Redis or VOD loses on the way is given out again by VOD, and the queue knows it by its id.
 */
export class Puller {
  readonly #options: PullerOptions;
  /** Ends what only waits. */
  readonly #stopping = new AbortController();
  /** Ends requests as well. */
  readonly #aborting = new AbortController();
  readonly #ended: Promise<void>;
  #failures = 0;
  #lastCode: string | undefined;

  constructor(options: PullerOptions) {
    this.#options = options;
    this.#ended = this.#run();
  }

  /** Pulls no more; resolves when what was pulled is confirmed. A pull that VOD holds is waited for. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
  }

  /** Makes {@link close} end at once: what was pulled and not confirmed is given out again by VOD. */
  returnJobs(): void {
    this.#stopping.abort();
    this.#aborting.abort();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#pull();
        this.#succeeded();
      } catch (error) {
        if (signal.aborted) return;
        await setTimeout(this.#failed(error), undefined, { signal }).catch(() => {});
      }
    }
  }

  async #pull(): Promise<void> {
    const { api, queue, rates } = this.#options;
    const { signal } = this.#aborting;
    await rates?.pull.take(1, this.#stopping.signal);
    const startedAt = performance.now();
    const { events, unreadable } = await api.pullEvents(signal);
    const handles = events.flatMap(({ msgHandle }) => msgHandle ?? []);
    const unconfirmed = events.length - handles.length;
    if (unreadable + unconfirmed > 0) this.#options.onOdd({ unreadable, unconfirmed });
    if (events.length > 0) {
      await enqueueVodEvents(
        queue,
        'pull',
        events.map(({ content }) => content),
      );
      this.#options.log.debug({ events: events.length }, 'events pulled');
    }
    for (const group of confirmGroups(handles)) {
      await rates?.confirm.take(1, signal);
      await api.confirmEvents(group, signal);
    }
    if (handles.length > 0) return;
    const leftMs = IDLE_MS - (performance.now() - startedAt);
    if (leftMs > 0) await setTimeout(leftMs, undefined, { signal: this.#stopping.signal });
  }

  #succeeded(): void {
    if (this.#failures > 0) this.#options.log.warn({ failures: this.#failures }, 'events are pulled again');
    this.#failures = 0;
    this.#lastCode = undefined;
  }

  /** Tells a trouble once, however long it lasts. @returns how long to wait, in ms */
  #failed(error: unknown): number {
    const { log } = this.#options;
    this.#failures++;
    const { code, message: reason } = failureOf(error);
    const refused = error instanceof VodError && (error.kind === 'account' || error.kind === 'clock');
    const level = code === this.#lastCode ? 'debug' : refused ? 'error' : 'warn';
    this.#lastCode = code;
    const what = refused
      ? `${error.kind} refused; no events are pulled until that is mended`
      : 'no events could be pulled; trying again';
    const waitMs = this.#waitMs(error, refused);
    log[level]({ code, reason, waitMs }, what);
    return waitMs;
  }

  #waitMs(error: unknown, refused: boolean): number {
    const { backoff, accountProbeMs, minuteMs } = this.#options;
    if (refused) return accountProbeMs;
    if (error instanceof VodError && error.holdMs !== undefined) return scaleHoldMs(error.holdMs, minuteMs);
    return backoff(this.#failures);
  }
}
