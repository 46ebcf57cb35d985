import type { Context } from 'hono';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import { fulfilledWithin } from '../../base/fulfilled-within.ts';
import { pageErrorOf } from './errors.ts';
import { type PacedReads, pause } from './paced-reads.ts';

/** A page is updated at most this often. */
const INTERVAL_MS = 1000;
/** Without changes a comment is sent at this interval, because proxies close idle connections. */
const KEEP_ALIVE_MS = 15_000;
const MAX_VIEWERS = 32;
/** A viewer that receives nothing for this long, like a sleeping laptop, is disconnected. */
const WRITE_TIMEOUT_MS = 60_000;

/**
 * Updates of open pages, as server-sent events. `update` has the new fragment, and is sent only when it has changed;
 * `trouble` has an error message, and the stream continues; `refused` has one, and the stream ends.
 */
export class LiveUpdates {
  readonly #reads: PacedReads;
  readonly #writeTimeoutMs: number;
  readonly #clock: () => number;
  readonly #sleep: (ms: number) => Promise<void>;
  #viewers = 0;

  /** @param writeTimeoutMs how long a viewer may take to receive an update */
  constructor(
    reads: PacedReads,
    writeTimeoutMs = WRITE_TIMEOUT_MS,
    clock: () => number = () => performance.now(),
    sleep: (ms: number) => Promise<void> = pause,
  ) {
    this.#reads = reads;
    this.#writeTimeoutMs = writeTimeoutMs;
    this.#clock = clock;
    this.#sleep = sleep;
  }

  /** @param key equal keys share a read */
  stream(context: Context, key: string, render: () => Promise<string>): Response {
    // Nobody would read or close the stream of a reply to HEAD.
    if (context.req.method === 'HEAD')
      return context.body(null, 200, { 'content-type': 'text/event-stream' });
    // Tells nginx not to buffer the stream.
    context.header('x-accel-buffering', 'no');
    return streamSSE(context, async (stream) => {
      if (this.#viewers >= MAX_VIEWERS) {
        const data = `This page is not updated: ${MAX_VIEWERS} pages, the maximum, are open already.`;
        await stream.writeSSE({ event: 'refused', data });
        return;
      }
      this.#viewers++;
      let isCounted = true;
      const leave = (): void => {
        if (isCounted) this.#viewers--;
        isCounted = false;
      };
      // At once, although a read for it may still be running.
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
      const event = await this.#reads.take(key, render).then(
        (data) => ({ event: 'update', data }),
        (error) => ({ event: 'trouble', data: pageErrorOf(error).text }),
      );
      const now = event.event + event.data;
      if (now !== last || startedMs - sentMs > KEEP_ALIVE_MS) {
        sentMs = startedMs;
        const sent = now !== last ? stream.writeSSE(event) : stream.write(': no change\n\n');
        if (!(await fulfilledWithin(sent, this.#writeTimeoutMs))) return stream.abort();
      }
      last = now;
      await this.#sleep(Math.max(0, INTERVAL_MS - (this.#clock() - startedMs)));
    }
  }
}
