/**
 * The events to pull. Each event is kept until it is confirmed, delivered to one caller at a time, and redelivered when
 * it is not confirmed in time. Stored on disk, so that it survives a restart.
 */
import { EVENTS_PER_CALL } from '../protocol/event-parameters.ts';
import type { EventContent } from '../protocol/reply.ts';
import type { Sleep } from '../sleep.ts';
import { appendJournal, readJournal, replaceJournal } from '../state/journal.ts';

/** Beyond that the oldest events are dropped, so that memory stays bounded when no client pulls. */
const MAX_EVENTS = 10_000;

export interface FeedEvent {
  readonly id: number;
  /** Time of the event, in ms since 1970. */
  readonly atMs: number;
  /** As v2 delivers it. */
  readonly content: EventContent;
  /** As API 3.0 delivers it. */
  readonly api3: Api3Event;
  /** Which of them is sent to the callback URL. */
  readonly callback: 'v2' | 'api3';
}

/** An event of API 3.0: `EventType`, and one field with the event's own name. */
export interface Api3Event {
  readonly EventType: string;
  readonly [field: string]: unknown;
}

export type NewEvent = Omit<FeedEvent, 'id' | 'atMs'>;

interface DeliveredEvent {
  /** Identifies this delivery; a redelivery has another handle. */
  readonly handle: string;
  readonly event: FeedEvent;
}

interface PendingEvent extends FeedEvent {
  deliveries: number;
  /** Time of the next delivery: first the event's time, then when the last delivery has not been confirmed in time. */
  availableAtMs: number;
}

/** Versions before API 3.0 wrote `content` only. */
type JournalEvent = Pick<FeedEvent, 'id' | 'atMs' | 'content'> & Partial<FeedEvent>;

type JournalLine = { readonly event: JournalEvent } | { readonly gone: number };

export interface FeedOptions {
  readonly file: string;
  /** How long a pull waits for an event. */
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
      else this.#store(withBothShapes(line.event));
    }
    replaceJournal(
      options.file,
      this.pending.map(({ id, atMs, content, api3, callback }) => ({
        event: { id, atMs, content, api3, callback },
      })),
    );
  }

  /** Events not confirmed yet, including future ones. */
  get pending(): readonly FeedEvent[] {
    return [...this.#events.values()];
  }

  add(added: NewEvent, delayMs: number): FeedEvent {
    const event = { id: this.#lastId + 1, atMs: this.#options.clock() + delayMs, ...added };
    appendJournal(this.#options.file, { event });
    this.#store(event);
    const [oldest] = this.#events.keys();
    if (this.#events.size > MAX_EVENTS && oldest !== undefined) this.#remove(oldest);
    for (const wake of this.#waiting) wake();
    return event;
  }

  /** Waits until there are events. @returns an empty array after `holdMs`, or when the signal aborts */
  async pull(signal: AbortSignal): Promise<DeliveredEvent[]> {
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

  #take(): DeliveredEvent[] {
    const nowMs = this.#options.clock();
    const taken: DeliveredEvent[] = [];
    for (const event of this.#events.values()) {
      if (taken.length === EVENTS_PER_CALL) break;
      if (event.availableAtMs > nowMs) continue;
      event.availableAtMs = nowMs + this.#options.redeliverMs;
      event.deliveries += 1;
      this.#counts.pulled += 1;
      if (event.deliveries > 1) this.#counts.redelivered += 1;
      taken.push({ handle: handleOf(event), event });
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

function withBothShapes(event: JournalEvent): FeedEvent {
  const { eventType, data } = event.content;
  return { api3: { EventType: eventType, ...data }, callback: 'v2', ...event };
}

function handleOf({ id, deliveries, atMs }: PendingEvent): string {
  return `${id}-${atMs}-${deliveries}`;
}

function noCounts() {
  return { pulled: 0, redelivered: 0, confirmed: 0 };
}
