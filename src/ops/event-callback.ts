import { createHash, timingSafeEqual } from 'node:crypto';
import type { Queue } from 'bullmq';
import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { every } from 'hono/combine';
import { UploaderError } from '../base/errors.ts';
import { fulfilledWithin } from '../base/fulfilled-within.ts';
import { enqueueVodEvents } from '../events/vod-event-queue.ts';
import type { Logger } from '../process/log.ts';
import type { OpsMetrics } from '../telemetry/ops-metrics.ts';
import { parseEvent } from '../vod/wire/events.ts';
import { parseJson } from '../vod/wire/json.ts';
import { Allowance } from './allowance.ts';

export interface EventCallbackOptions {
  /** `/` and a secret. */
  readonly path: string;
  /** Of events. */
  readonly queue: Queue;
  /** Whether Redis can be written to. */
  readonly ready: () => boolean;
  readonly metrics: Pick<OpsMetrics, 'eventCallbacks'>;
  readonly log: Logger;
  /** In ms; default the process's own clock. */
  readonly now?: () => number;
}

/** VOD's events are a hundredth of that. */
const MOST_BYTES = 64 * 1024;
/** VOD waits for 5 s, and sends an event three times at most. */
const TIMEOUT_MS = 4000;
/** 100 uploads a minute make some 5 events a second. */
const PER_SECOND = 20;
const BURST = 100;

/**
 * Takes the events that VOD sends by HTTP, at a path that nobody else knows; any other request goes on. VOD can't say
 * who it is, so what comes is a hint: it is only put into the queue here, where the worker that takes it looks whether an
 * upload of ours has the file.
 */
export function createEventCallback(options: EventCallbackOptions): MiddlewareHandler {
  const { path, queue, ready, metrics, log, now } = options;
  const secret = digest(path);
  const allowance = new Allowance({ perSecond: PER_SECOND, burst: BURST, ...(now && { now }) });

  const refuse = (context: Context, status: 400 | 405 | 413 | 415, reason: string): Response => {
    metrics.eventCallbacks.inc({ result: 'refused' });
    log.warn({ status, reason }, 'event callback refused');
    return context.text(`${reason}\n`, status, status === 405 ? { allow: 'POST' } : {});
  };

  const atItsPath = every(
    async (context, next) => {
      if (context.req.method !== 'POST') return refuse(context, 405, 'POST only');
      if (!allowance.take()) {
        metrics.eventCallbacks.inc({ result: 'limited' });
        return context.text(`more than ${PER_SECOND} events a second\n`, 429, { 'retry-after': '1' });
      }
      const type = context.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
      if (type !== 'application/json')
        return refuse(context, 415, 'the content-type must be application/json');
      return await next();
    },
    bodyLimit({
      maxSize: MOST_BYTES,
      onError: (context) => refuse(context, 413, `an event has at most ${MOST_BYTES} bytes`),
    }),
    async (context: Context) => {
      let content: unknown;
      try {
        content = parseJson(await context.req.text());
        parseEvent(content);
      } catch (error) {
        return refuse(context, 400, error instanceof UploaderError ? error.message : 'not JSON');
      }
      if (
        !ready() ||
        !(await fulfilledWithin(enqueueVodEvents(queue, 'callback', [content]), TIMEOUT_MS).catch(
          () => false,
        ))
      ) {
        metrics.eventCallbacks.inc({ result: 'failed' });
        log.warn('event callback could not be queued: redis did not take it');
        return context.text('try again later\n', 503, { 'retry-after': '5' });
      }
      metrics.eventCallbacks.inc({ result: 'accepted' });
      return context.text('ok\n');
    },
  );

  return async (context, next) =>
    timingSafeEqual(digest(context.req.path), secret) ? await atItsPath(context, next) : await next();
}

/** Of equal length whatever the path's, so that comparing tells nothing by its time. */
function digest(path: string): Buffer {
  return createHash('sha256').update(path).digest();
}
