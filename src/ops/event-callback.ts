import { createHash, timingSafeEqual } from 'node:crypto';
import type { Queue } from 'bullmq';
import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { every } from 'hono/combine';
import { defined } from '../base/defined.ts';
import { UploaderError } from '../base/errors.ts';
import { fulfilledWithin } from '../base/fulfilled-within.ts';
import { enqueueVodEvents } from '../events/vod-event-queue.ts';
import type { Logger } from '../process/log.ts';
import type { OpsMetrics } from '../telemetry/ops-metrics.ts';
import { parseEvent } from '../vod/wire/events.ts';
import { parseJson } from '../vod/wire/json.ts';
import { TokenBucket } from './token-bucket.ts';

export interface EventCallbackOptions {
  /** `/` followed by a secret. */
  readonly path: string;
  /** The queue of events. */
  readonly queue: Queue;
  /** Whether Redis is connected. */
  readonly ready: () => boolean;
  readonly metrics: Pick<OpsMetrics, 'eventCallbacks'>;
  readonly log: Logger;
  /** In ms, monotonic; default `performance.now`. */
  readonly now?: () => number;
}

/** About a hundred times the size of VOD's events. */
const MAX_BYTES = 64 * 1024;
/** VOD waits for 5 s, and sends an event at most three times. */
const TIMEOUT_MS = 4000;
/** 100 uploads a minute cause about 5 events a second. */
const PER_SECOND = 20;
const BURST = 100;

/**
 * Receives the events that VOD sends by HTTP to a secret path; other requests are passed on. VOD does not authenticate
 * itself, so an event is only a hint: it is enqueued, and a worker checks whether one of our uploads has its file.
 */
export function createEventCallback(options: EventCallbackOptions): MiddlewareHandler {
  const { path, queue, ready, metrics, log, now } = options;
  const secret = digest(path);
  const bucket = new TokenBucket({ perSecond: PER_SECOND, burst: BURST, ...defined({ now }) });

  const refuse = (context: Context, status: 400 | 405 | 413 | 415, reason: string): Response => {
    metrics.eventCallbacks.inc({ result: 'refused' });
    log.warn({ status, reason }, 'event callback refused');
    return context.text(`${reason}\n`, status, status === 405 ? { allow: 'POST' } : {});
  };

  const checkRequest: MiddlewareHandler = async (context, next) => {
    if (context.req.method !== 'POST') return refuse(context, 405, 'POST only');
    if (!bucket.take()) {
      metrics.eventCallbacks.inc({ result: 'limited' });
      return context.text(`more than ${PER_SECOND} events a second\n`, 429, { 'retry-after': '1' });
    }
    const type = context.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
    if (type !== 'application/json') return refuse(context, 415, 'the content-type must be application/json');
    return await next();
  };

  const enqueue = async (content: unknown): Promise<boolean> =>
    ready() &&
    (await fulfilledWithin(enqueueVodEvents(queue, 'callback', [content]), TIMEOUT_MS).catch(() => false));

  const receive = async (context: Context): Promise<Response> => {
    let content: unknown;
    try {
      content = parseJson(await context.req.text());
      parseEvent(content);
    } catch (error) {
      return refuse(context, 400, error instanceof UploaderError ? error.message : 'not JSON');
    }
    if (!(await enqueue(content))) {
      metrics.eventCallbacks.inc({ result: 'failed' });
      log.warn('event callback could not be queued: redis did not accept it');
      return context.text('try again later\n', 503, { 'retry-after': '5' });
    }
    metrics.eventCallbacks.inc({ result: 'accepted' });
    return context.text('ok\n');
  };

  const limitBody = bodyLimit({
    maxSize: MAX_BYTES,
    onError: (context) => refuse(context, 413, `an event has at most ${MAX_BYTES} bytes`),
  });
  const handle = every(checkRequest, limitBody, receive);
  return async (context, next) =>
    timingSafeEqual(digest(context.req.path), secret) ? await handle(context, next) : await next();
}

/** Fixed length, so that the time of the comparison reveals nothing. */
function digest(path: string): Buffer {
  return createHash('sha256').update(path).digest();
}
