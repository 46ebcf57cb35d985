/**
 * The events that an application pulls: each is kept until it is confirmed, handed out to one caller at a time, and
 * again when it was not confirmed in time. On disk, so that a restart forgets none.
 */

import type { EventContent, PulledEvent } from '../protocol/reply.ts';
import { EVENTS_PER_CALL } from '../protocol/rules.ts';
import type { Sleep } from '../sleep.ts';
import { appendJournal, readJournal, replaceJournal } from '../state/journal.ts';

/** Beyond that the oldest are dropped: an emulator of which nobody pulls should not grow. */
const KEPT_EVENTS = 10_000;

export interface FeedEvent {
  readonly id: number;
  /** When it happens, in ms since 1970. */
  readonly atMs: number;
  readonly content: EventContent;
}

interface Kept extends FeedEvent {
  deliveries: number;
  /** From when on it may be handed out: when it happens, and later when the last delivery was not confirmed. */
  freeAtMs: number;
}

type JournalLine = { readonly event: FeedEvent } | { readonly gone: number };

export interface FeedOptions {
  readonly file: string;
  /** How long PullEvent is held when there is nothing. */
  readonly holdMs: number;
  /** How long a delivered event waits to be confirmed. */
  readonly redeliverMs: number;
  /** In ms. */
  readonly clock: () => number;
  readonly sleep: Sleep;
}

export class Feed {
  readonly #options: FeedOptions;
  readonly #kept = new Map<number, Kept>();
  readonly #waiting = new Set<() => void>();
  #lastId = 0;
  #counts = noCounts();

  constructor(options: FeedOptions) {
    this.#options = options;
    for (const line of readJournal<JournalLine>(options.file)) {
      if ('gone' in line) this.#kept.delete(line.gone);
      else this.#keep(line.event);
    }
    replaceJournal(
      options.file,
      this.pending.map(({ id, atMs, content }) => ({ event: { id, atMs, content } })),
    );
  }

  /** Not confirmed yet, also those that are still to happen. */
  get pending(): readonly FeedEvent[] {
    return [...this.#kept.values()];
  }

  add(content: EventContent, delayMs: number): FeedEvent {
    const event = { id: this.#lastId + 1, atMs: this.#options.clock() + delayMs, content };
    appendJournal(this.#options.file, { event });
    this.#keep(event);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT_EVENTS && oldest !== undefined) this.#remove(oldest);
    for (const wake of this.#waiting) wake();
    return event;
  }

  /** What there is, as soon as there is something; nothing when the time is up or the signal aborts. */
  async pull(signal: AbortSignal): Promise<PulledEvent[]> {
    const { clock, holdMs } = this.#options;
    const endsAt = clock() + holdMs;
    for (;;) {
      if (signal.aborted) return [];
      const events = this.#take();
      const leftMs = endsAt - clock();
      if (events.length > 0 || leftMs <= 0) return events;
      await this.#change(Math.min(leftMs, this.#nextMs()), signal);
    }
  }

  /** A handle whose event was delivered again, or confirmed already, has no effect. */
  confirm(handles: readonly string[]): void {
    for (const handle of handles) {
      const id = Number(handle.split('-')[0]);
      const event = this.#kept.get(id);
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

  #keep(event: FeedEvent): void {
    this.#kept.set(event.id, { ...event, deliveries: 0, freeAtMs: event.atMs });
    this.#lastId = Math.max(this.#lastId, event.id);
  }

  #remove(id: number): void {
    this.#kept.delete(id);
    appendJournal(this.#options.file, { gone: id });
  }

  #take(): PulledEvent[] {
    const nowMs = this.#options.clock();
    const taken: PulledEvent[] = [];
    for (const event of this.#kept.values()) {
      if (taken.length === EVENTS_PER_CALL) break;
      if (event.freeAtMs > nowMs) continue;
      event.freeAtMs = nowMs + this.#options.redeliverMs;
      event.deliveries += 1;
      this.#counts.pulled += 1;
      if (event.deliveries > 1) this.#counts.redelivered += 1;
      taken.push({ msgHandle: handleOf(event), eventContent: event.content });
    }
    return taken;
  }

  #nextMs(): number {
    const nowMs = this.#options.clock();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { freeAtMs } of this.#kept.values()) nextMs = Math.min(nextMs, freeAtMs - nowMs);
    return nextMs;
  }

  /** An event was added, so much time has passed, or the signal aborted. */
  async #change(ms: number, signal: AbortSignal): Promise<void> {
    const settled = new AbortController();
    const added = Promise.withResolvers<void>();
    this.#waiting.add(added.resolve);
    const ended = AbortSignal.any([signal, settled.signal]);
    await Promise.race([added.promise, this.#options.sleep(ms, ended).catch(() => undefined)]);
    this.#waiting.delete(added.resolve);
    settled.abort();
  }
}

function handleOf({ id, deliveries, atMs }: Kept): string {
  return `${id}-${atMs}-${deliveries}`;
}

function noCounts() {
  return { pulled: 0, redelivered: 0, confirmed: 0 };
}
