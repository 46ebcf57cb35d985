import { setTimeout } from 'node:timers/promises';
import type { Queue } from 'bullmq';
import type { MediaBackend } from '../src/backend/media.ts';
import { enqueueVodEvents } from '../src/events/vod-event-queue.ts';
import type { Logger } from '../src/process/log.ts';
import { failureOf } from '../src/queue/failure.ts';
import { scaleHoldMs } from '../src/quota/limits.ts';
import type { RequestQuotas } from '../src/quota/quotas.ts';
import { VodError } from '../src/vod/wire/vod-error.ts';

/** Minimum time between two pulls that brought nothing to confirm, for a service that does not hold the request open. */
const IDLE_MS = 1000;

export interface PullerOptions {
  readonly media: MediaBackend;
  /** The queue of events. */
  readonly queue: Queue;
  /** The account's quotas. */
  readonly quotas: RequestQuotas;
  /** Length of the service's minute. */
  readonly minuteMs: number;
  /** Milliseconds to wait after this many consecutive failures. */
  readonly backoff: (failures: number) => number;
  /** Milliseconds to wait while VOD refuses the account or this machine's clock. */
  readonly accountProbeMs: number;
  readonly onInvalid: (counts: InvalidEvents) => void;
  readonly log: Logger;
}

/** Numbers of entries of one reply. */
export interface InvalidEvents {
  /** Entries that are not events. */
  readonly unreadable: number;
  /** Events without a handle: they can't be confirmed, so VOD returns them again. */
  readonly unconfirmed: number;
}

/**
 * Pulls events from VOD until it is closed. An event is confirmed only after it is in its queue in Redis, so VOD returns
 * it again when this process, Redis or VOD loses it; the queue recognizes it by its id.
 */
export class Puller {
  readonly #options: PullerOptions;
  /** Ends waits. */
  readonly #stopping = new AbortController();
  /** Ends requests too. */
  readonly #aborting = new AbortController();
  readonly #ended: Promise<void>;
  #failures = 0;
  #lastCode: string | undefined;

  constructor(options: PullerOptions) {
    this.#options = options;
    this.#ended = this.#run();
  }

  /** Stops pulling; resolves when the pulled events are confirmed. Waits for a pull that VOD holds open. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
  }

  /** Makes {@link close} resolve at once: VOD returns unconfirmed events again. */
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
    const { media, queue, quotas } = this.#options;
    const { quotaActions } = media;
    const { signal } = this.#aborting;
    await quotas[quotaActions.pullEvents]?.acquire(this.#stopping.signal);
    const startedAt = performance.now();
    const { events, unreadable } = await media.pullEvents(signal);
    const handles = events.flatMap(({ msgHandle }) => msgHandle ?? []);
    const unconfirmed = events.length - handles.length;
    if (unreadable + unconfirmed > 0) this.#options.onInvalid({ unreadable, unconfirmed });
    if (events.length > 0) {
      await enqueueVodEvents(
        queue,
        'pull',
        events.map(({ content }) => content),
      );
      this.#options.log.debug({ events: events.length }, 'events pulled');
    }
    for (const group of media.confirmGroups(handles)) {
      await quotas[quotaActions.confirmEvents]?.acquire(signal);
      await media.confirmEvents(group, signal);
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

  /** Logs an error only when its code changes. @returns how long to wait, in ms */
  #failed(error: unknown): number {
    const { log } = this.#options;
    this.#failures++;
    const { code, message: reason } = failureOf(error);
    const refused = error instanceof VodError && (error.kind === 'account' || error.kind === 'clock');
    const level = code === this.#lastCode ? 'debug' : refused ? 'error' : 'warn';
    this.#lastCode = code;
    const message = refused
      ? `${error.kind} refused; no events are pulled until this is fixed`
      : 'no events could be pulled; trying again';
    const waitMs = this.#waitMs(error, refused);
    log[level]({ code, reason, waitMs }, message);
    return waitMs;
  }

  #waitMs(error: unknown, refused: boolean): number {
    const { backoff, accountProbeMs, minuteMs } = this.#options;
    if (refused) return accountProbeMs;
    if (error instanceof VodError && error.holdMs !== undefined) return scaleHoldMs(error.holdMs, minuteMs);
    return backoff(this.#failures);
  }
}
