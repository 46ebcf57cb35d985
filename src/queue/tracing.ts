import type * as otel from '@opentelemetry/api';
import { type Context, context, propagation, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import { type Job, type Queue, SpanKind, type Telemetry, TelemetryAttributes } from 'bullmq';
import { VERSION } from '../base/version.ts';
import type { RedisClient } from '../redis/client.ts';
import { CANCELLED, parseFailure } from './failure.ts';

/*
 * What BullMQ does, as spans of the OpenTelemetry SDK that the process has; where it has none, none are made. A span's
 * context goes into the jobs that are added within it, so an upload is one trace from its `add` on:
 *
 *   add vod-upload
 *     process vod-upload          a pass of the upload
 *       addBulk vod-part
 *         process vod-part        one per part and attempt
 */

const tracer = trace.getTracer('vod-upload-worker', VERSION);

type JobSpan = ReturnType<Telemetry<Context>['tracer']['startSpan']>;

function jobSpan(span: otel.Span): JobSpan {
  const fail = (message: string): void => {
    span.setStatus({ code: SpanStatusCode.ERROR, message });
  };
  return {
    setSpanOnContext: (parent) => trace.setSpan(parent, span),
    setAttribute: (key, value) => span.setAttribute(key, value),
    setAttributes: ({ [TelemetryAttributes.BulkNames]: _names, ...attributes }) =>
      span.setAttributes(attributes),
    addEvent: (_name, attributes) => {
      const reason = attributes?.[TelemetryAttributes.JobFailedReason];
      if (typeof reason !== 'string') return;
      const { code } = parseFailure(reason);
      span.setAttribute('error.type', code);
      if (code !== CANCELLED.code) fail(reason);
    },
    // Without the stack, which is nobody's business outside.
    recordException: (error) => fail(typeof error === 'string' ? error : (error.message ?? 'unknown error')),
    end: () => span.end(),
  };
}

/** In place of a span that would only be noise; and its context is nobody's parent. */
const NO_SPAN: JobSpan = {
  setSpanOnContext: (parent) => trace.deleteSpan(parent),
  setAttribute() {},
  setAttributes() {},
  addEvent() {},
  recordException() {},
  end() {},
};

/** The option `telemetry` of queues and workers. */
export const telemetry: Telemetry<Context> = {
  tracer: {
    startSpan: (name, { kind } = { kind: SpanKind.INTERNAL }, parent) => {
      // Looking for jobs, renewing locks, looking for stalled jobs: thousands an hour, of no upload or of many.
      if (kind === SpanKind.INTERNAL) return NO_SPAN;
      // Behind the dot is the job's name, the file's: it is an attribute too, and names of spans are to be few.
      const [operation = name] = name.split('.', 1);
      return jobSpan(tracer.startSpan(operation, { kind: kind as number }, parent));
    },
  },
  contextManager: {
    with: (active, call) => context.with(active, call),
    active: () => context.active(),
    root: () => ROOT_CONTEXT,
    /** @returns '' outside of every trace, which BullMQ puts into no job */
    getMetadata: (active) => {
      const carrier: Record<string, string> = {};
      propagation.inject(active, carrier);
      return Object.keys(carrier).length > 0 ? JSON.stringify(carrier) : '';
    },
    fromMetadata: (active, metadata) => {
      try {
        return propagation.extract(active, JSON.parse(metadata));
      } catch {
        // Whoever can write to Redis is not trusted to write sense.
        return active;
      }
    },
  },
};

/**
 * To be called within a pass of an upload: one that was added outside of every trace keeps that of this pass, so that
 * its later passes belong to it. Never rejects; without, each pass is a trace of its own.
 */
export async function keepTrace(job: Job, queue: Queue, redis: RedisClient): Promise<void> {
  if (job.opts.telemetry?.metadata) return;
  try {
    const key = queue.toKey(job.id ?? '');
    const opts = await redis.hget(key, 'opts');
    const tm = telemetry.contextManager.getMetadata(context.active());
    // As BullMQ stores it; it has no call for it.
    if (opts !== null) await redis.hset(key, 'opts', JSON.stringify({ ...JSON.parse(opts), tm }));
  } catch {
    // An upload must not fail for its trace.
  }
}
