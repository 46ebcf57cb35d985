import type { Context } from 'hono';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import { sentenceOf } from './errors.ts';
import { pause, type Turns } from './turns.ts';

/** A page changes at most this often. */
const INTERVAL_MS = 1000;
/** Without news something is sent this often, for whoever ends connections that are silent. */
const SILENCE_MS = 15_000;
const MOST_VIEWERS = 32;

/**
 * Pages that follow what happens, as server-sent events: `update` has the fragment as it is now, and comes only when it
 * is another than before; `trouble` has a sentence, and the stream goes on; `refused` has one, and it ends.
 */
export class Live {
  readonly #turns: Turns;
  readonly #clock: () => number;
  readonly #sleep: (ms: number) => Promise<void>;
  #viewers = 0;

  constructor(
    turns: Turns,
    clock: () => number = () => performance.now(),
    sleep: (ms: number) => Promise<void> = pause,
  ) {
    this.#turns = turns;
    this.#clock = clock;
    this.#sleep = sleep;
  }

  /** @param key the same for what reads the same */
  stream(context: Context, key: string, render: () => Promise<string>): Response {
    // For proxies that would collect what they pass on.
    context.header('x-accel-buffering', 'no');
    return streamSSE(context, async (stream) => {
      if (this.#viewers >= MOST_VIEWERS) {
        const data = `${MOST_VIEWERS} pages are being followed, and no more can be. This one is as old as it was loaded.`;
        await stream.writeSSE({ event: 'refused', data });
        return;
      }
      this.#viewers++;
      stream.onAbort(() => {
        this.#viewers--;
      });
      await this.#follow(stream, key, render);
    });
  }

  async #follow(stream: SSEStreamingApi, key: string, render: () => Promise<string>): Promise<void> {
    let last = '';
    let sentMs = this.#clock();
    while (!stream.aborted) {
      const startedMs = this.#clock();
      const news = await this.#turns.take(key, render).then(
        (data) => ({ event: 'update', data }),
        (error) => ({ event: 'trouble', data: sentenceOf(error).text }),
      );
      const now = news.event + news.data;
      if (now !== last) await stream.writeSSE(news);
      else if (startedMs - sentMs > SILENCE_MS) await stream.write(': nothing new\n\n');
      if (now !== last || startedMs - sentMs > SILENCE_MS) sentMs = startedMs;
      last = now;
      await this.#sleep(Math.max(0, INTERVAL_MS - (this.#clock() - startedMs)));
    }
  }
}
