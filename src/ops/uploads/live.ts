import type { Context } from 'hono';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import { fulfilledWithin } from '../../base/fulfilled-within.ts';
import { sentenceOf } from './errors.ts';
import { pause, type Turns } from './turns.ts';

/** A page changes at most this often. */
const INTERVAL_MS = 1000;
/** Without news something is sent this often, for whoever ends connections that are silent. */
const SILENCE_MS = 15_000;
const MOST_VIEWERS = 32;
/** A viewer that takes nothing for so long, such as a sleeping laptop, makes room for another. */
const TAKEN_WITHIN_MS = 60_000;

/**
 * Pages that follow what happens, as server-sent events: `update` has the fragment as it is now, and comes only when it
 * is another than before; `trouble` has a sentence, and the stream goes on; `refused` has one, and it ends.
 */
export class Live {
  readonly #turns: Turns;
  readonly #takenWithinMs: number;
  readonly #clock: () => number;
  readonly #sleep: (ms: number) => Promise<void>;
  #viewers = 0;

  /** @param takenWithinMs how long a viewer may take for what it was sent */
  constructor(
    turns: Turns,
    takenWithinMs = TAKEN_WITHIN_MS,
    clock: () => number = () => performance.now(),
    sleep: (ms: number) => Promise<void> = pause,
  ) {
    this.#turns = turns;
    this.#takenWithinMs = takenWithinMs;
    this.#clock = clock;
    this.#sleep = sleep;
  }

  /** @param key the same for what reads the same */
  stream(context: Context, key: string, render: () => Promise<string>): Response {
    // Of the reply to HEAD nobody would ever read or close the stream.
    if (context.req.method === 'HEAD')
      return context.body(null, 200, { 'content-type': 'text/event-stream' });
    // For proxies that would collect what they pass on.
    context.header('x-accel-buffering', 'no');
    return streamSSE(context, async (stream) => {
      if (this.#viewers >= MOST_VIEWERS) {
        const data = `${MOST_VIEWERS} pages are being followed, and no more can be. This one is as old as it was loaded.`;
        await stream.writeSSE({ event: 'refused', data });
        return;
      }
      this.#viewers++;
      let following = true;
      const leave = (): void => {
        if (following) this.#viewers--;
        following = false;
      };
      // At once, though what is being read for it goes on for a while.
      stream.onAbort(leave);
      try {
        await this.#follow(stream, key, render);
      } finally {
        leave();
      }
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
      if (now !== last || startedMs - sentMs > SILENCE_MS) {
        sentMs = startedMs;
        const sent = now !== last ? stream.writeSSE(news) : stream.write(': nothing new\n\n');
        if (!(await fulfilledWithin(sent, this.#takenWithinMs))) return stream.abort();
      }
      last = now;
      await this.#sleep(Math.max(0, INTERVAL_MS - (this.#clock() - startedMs)));
    }
  }
}
