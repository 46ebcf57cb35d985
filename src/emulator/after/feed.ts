/**
 * The events to pull. Each event is kept until it is confirmed, delivered to one caller at a time, and redelivered when
 * it is not confirmed in time. Stored on disk, so that it survives a restart.
 */
import { EVENTS_PER_CALL } from '../protocol/event-parameters.ts';
import type { EventContent, PulledEvent } from '../protocol/reply.ts';
import type { Sleep } from '../sleep.ts';
import { appendJournal, readJournal, replaceJournal } from '../state/journal.ts';

/** Beyond that the oldest events are dropped, so that memory stays bounded when no client pulls. */
const MAX_EVENTS = 10_000;

export interface FeedEvent {
  readonly id: number;
  /** Time of the event, in ms since 1970. */
  readonly atMs: number;
  readonly content: EventContent;
}

interface PendingEvent extends FeedEvent {
  deliveries: number;
  /** Time of the next delivery: first the event's time, then when the last delivery has not been confirmed in time. */
  availableAtMs: number;
}

type JournalLine = { readonly event: FeedEvent } | { readonly gone: number };

export interface FeedOptions {
  readonly file: string;
  /** How long PullEvent waits for an event. */
  readonly holdMs: number;
  /** An event that is not confirmed within this time is redelivered. */
  readonly redeliverMs: number;
  /** In ms since 1970. */
  readonly clock: () => number;
  readonly sleep: Sleep;
}

export class Feed {
  readonly #options: FeedOptions;
  readonly #events = new Map<number, PendingEvent>();
  readonly #waiting = new Set<() => void>();
  #lastId = 0;
  #counts = noCounts();

  constructor(options: FeedOptions) {
    this.#options = options;
    for (const line of readJournal<JournalLine>(options.file)) {
      if ('gone' in line) this.#events.delete(line.gone);
      else this.#store(line.event);
    }
    replaceJournal(
      options.file,
      this.pending.map(({ id, atMs, content }) => ({ event: { id, atMs, content } })),
    );
  }

  /** Events not confirmed yet, including future ones. */
  get pending(): readonly FeedEvent[] {
    return [...this.#events.values()];
  }

  add(content: EventContent, delayMs: number): FeedEvent {
    const event = { id: this.#lastId + 1, atMs: this.#options.clock() + delayMs, content };
    appendJournal(this.#options.file, { event });
    this.#store(event);
    const [oldest] = this.#events.keys();
    if (this.#events.size > MAX_EVENTS && oldest !== undefined) this.#remove(oldest);
    for (const wake of this.#waiting) wake();
    return event;
  }

  /** Waits until there are events. @returns an empty array after `holdMs`, or when the signal aborts */
  async pull(signal: AbortSignal): Promise<PulledEvent[]> {
    const { clock, holdMs } = this.#options;
    const endsAt = clock() + holdMs;
    for (;;) {
      if (signal.aborted) return [];
      const events = this.#take();
      const leftMs = endsAt - clock();
      if (events.length > 0 || leftMs <= 0) return events;
      await this.#waitForChange(Math.min(leftMs, this.#nextAvailableMs()), signal);
    }
  }

  /** A handle of an earlier delivery, or of a confirmed event, has no effect. */
  confirm(handles: readonly string[]): void {
    for (const handle of handles) {
      const id = Number(handle.split('-')[0]);
      const event = this.#events.get(id);
      if (event === undefined || handleOf(event) !== handle) continue;
      this.#remove(id);
      this.#counts.confirmed += 1;
    }
  }

  get counts(): Readonly<ReturnType<typeof noCounts>> {
    return { ...this.#counts };
  }

  resetCounts(): void {
    this.#counts = noCounts();
  }

  #store(event: FeedEvent): void {
    this.#events.set(event.id, { ...event, deliveries: 0, availableAtMs: event.atMs });
    this.#lastId = Math.max(this.#lastId, event.id);
  }

  #remove(id: number): void {
    this.#events.delete(id);
    appendJournal(this.#options.file, { gone: id });
  }

  #take(): PulledEvent[] {
    const nowMs = this.#options.clock();
    const taken: PulledEvent[] = [];
    for (const event of this.#events.values()) {
      if (taken.length === EVENTS_PER_CALL) break;
      if (event.availableAtMs > nowMs) continue;
      event.availableAtMs = nowMs + this.#options.redeliverMs;
      event.deliveries += 1;
      this.#counts.pulled += 1;
      if (event.deliveries > 1) this.#counts.redelivered += 1;
      taken.push({ msgHandle: handleOf(event), eventContent: event.content });
    }
    return taken;
  }

  #nextAvailableMs(): number {
    const nowMs = this.#options.clock();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { availableAtMs } of this.#events.values()) nextMs = Math.min(nextMs, availableAtMs - nowMs);
    return nextMs;
  }

  /** Resolves when an event is added, after `ms`, or when the signal aborts. */
  async #waitForChange(ms: number, signal: AbortSignal): Promise<void> {
    const settled = new AbortController();
    const added = Promise.withResolvers<void>();
    this.#waiting.add(added.resolve);
    const ended = AbortSignal.any([signal, settled.signal]);
    await Promise.race([added.promise, this.#options.sleep(ms, ended).catch(() => undefined)]);
    this.#waiting.delete(added.resolve);
    settled.abort();
  }
}

function handleOf({ id, deliveries, atMs }: PendingEvent): string {
  return `${id}-${atMs}-${deliveries}`;
}

function noCounts() {
  return { pulled: 0, redelivered: 0, confirmed: 0 };
}
