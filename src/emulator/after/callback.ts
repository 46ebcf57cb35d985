/** Tells a receiver of each event by HTTP, as the service does: POST, JSON, a few tries, and then no more. */
import type { EmulatorLog } from '../api.ts';
import type { Sleep } from '../sleep.ts';
import type { FeedEvent } from './feed.ts';

const TIMEOUT_MS = 5000;
const MOST_TRIES = 3;

export interface CallbackOptions {
  /** Nothing: nobody is told. Never logged: its path may be a secret. */
  readonly url: string | undefined;
  /** Between two tries. */
  readonly pauseMs: number;
  readonly clock: () => number;
  readonly sleep: Sleep;
  readonly signal: AbortSignal;
  readonly log: EmulatorLog;
}

export class Callback {
  readonly #options: CallbackOptions;
  readonly #running = new Set<Promise<void>>();
  #counts = noCounts();

  constructor(options: CallbackOptions) {
    this.#options = options;
  }

  /** Tells of the event when it happens; one that is to happen after the emulator's end is told of by the next. */
  announce(event: FeedEvent): void {
    const { url } = this.#options;
    if (url === undefined) return;
    const own = this.#deliver(url, event).finally(() => this.#running.delete(own));
    this.#running.add(own);
  }

  get counts(): Readonly<ReturnType<typeof noCounts>> {
    return { ...this.#counts };
  }

  resetCounts(): void {
    this.#counts = noCounts();
  }

  /** Resolves when nothing is on its way any more, soon after the signal has aborted. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #deliver(url: string, { atMs, content }: FeedEvent): Promise<void> {
    const { clock, sleep, pauseMs, signal, log } = this.#options;
    try {
      const delayMs = atMs - clock();
      if (delayMs > 0) await sleep(delayMs, signal);
      for (let tries = 1; tries <= MOST_TRIES; tries += 1) {
        const result = await this.#post(url, JSON.stringify(content));
        log({ eventType: content.eventType, tries, result }, 'callback');
        if (result === 'delivered') return;
        if (tries < MOST_TRIES) await sleep(pauseMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) log({ err: error }, 'callback failed');
    }
  }

  async #post(url: string, body: string): Promise<string> {
    this.#counts.tries += 1;
    const signal = AbortSignal.any([this.#options.signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const headers = { 'content-type': 'application/json' };
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers,
        body,
        signal,
        redirect: 'manual',
      });
      await response.body?.cancel();
      if (!response.ok) return `HTTP ${response.status}`;
      this.#counts.delivered += 1;
      return 'delivered';
    } catch (error) {
      return error instanceof Error ? error.name : 'failed';
    }
  }
}

function noCounts() {
  return { tries: 0, delivered: 0 };
}
