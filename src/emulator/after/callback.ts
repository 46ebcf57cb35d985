/** Sends each event to a URL, as the service does: JSON by POST, with a few tries. */
import type { EmulatorLog } from '../log.ts';
import type { Sleep } from '../sleep.ts';
import type { FeedEvent } from './feed.ts';

const TIMEOUT_MS = 5000;
const MAX_TRIES = 3;

export interface CallbackOptions {
  /** Undefined: no callbacks. Never logged, because its path may be a secret. */
  readonly url: string | undefined;
  /** Pause between two tries. */
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

  /** Sends the event at its time. If the emulator ends before, it is sent after the next start. */
  schedule(event: FeedEvent): void {
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

  /** Resolves when no delivery is running any more, soon after the signal has aborted. */
  async ended(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #deliver(url: string, { atMs, content, api3, callback }: FeedEvent): Promise<void> {
    const { clock, sleep, pauseMs, signal, log } = this.#options;
    try {
      const delayMs = atMs - clock();
      if (delayMs > 0) await sleep(delayMs, signal);
      const body = JSON.stringify(callback === 'v2' ? content : api3);
      for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
        const result = await this.#post(url, body);
        log({ eventType: content.eventType, tries, result }, 'callback');
        if (result === 'delivered') return;
        if (tries < MAX_TRIES) await sleep(pauseMs, signal);
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
