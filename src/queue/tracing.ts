import type * as otel from '@opentelemetry/api';
import { type Context, context, propagation, ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import { type Job, type Queue, SpanKind, type Telemetry, TelemetryAttributes } from 'bullmq';
import { VERSION } from '../base/version.ts';
import type { RedisClient } from '../redis/client.ts';
import { CANCELLED, parseFailure } from './failure.ts';

/*
 * Creates OpenTelemetry spans for what BullMQ does, if the process has an SDK. BullMQ stores the context of the current span
 * in the jobs that are added, so an upload is one trace from its `add` on:
 *
 *   add vod-upload
 *     process vod-upload          an activation of the upload
 *       addBulk vod-part
 *         process vod-part        one per part and start
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
    // Without the stack, which must not leave the process.
    recordException: (error) => fail(typeof error === 'string' ? error : (error.message ?? 'unknown error')),
    end: () => span.end(),
  };
}

/** Replaces spans that would only be noise. Spans within it have no parent. */
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
      // Fetching jobs, renewing locks, checking for stalled jobs: thousands per hour, not tied to one upload.
      if (kind === SpanKind.INTERNAL) return NO_SPAN;
      // After the dot is the job's name, which is also an attribute. Span names should have few values.
      const [operation = name] = name.split('.', 1);
      return jobSpan(tracer.startSpan(operation, { kind: kind as number }, parent));
    },
  },
  contextManager: {
    with: (active, call) => context.with(active, call),
    active: () => context.active(),
    root: () => ROOT_CONTEXT,
    /** @returns '' outside of a trace, which BullMQ does not store */
    getMetadata: (active) => {
      const carrier: Record<string, string> = {};
      propagation.inject(active, carrier);
      return Object.keys(carrier).length > 0 ? JSON.stringify(carrier) : '';
    },
    fromMetadata: (active, metadata) => {
      try {
        return propagation.extract(active, JSON.parse(metadata));
      } catch {
        // Data in Redis is not trusted.
        return active;
      }
    },
  },
};

/**
 * Stores the current trace in an upload that was added outside of a trace, so that its later activations belong to the same
 * trace. Call it within an activation. Never rejects; if it fails, each activation is a separate trace.
 */
export async function keepTrace(job: Job, queue: Queue, redis: RedisClient): Promise<void> {
  if (job.opts.telemetry?.metadata) return;
  try {
    const key = queue.toKey(job.id ?? '');
    const opts = await redis.hget(key, 'opts');
    const tm = telemetry.contextManager.getMetadata(context.active());
    // The field in which BullMQ stores it; BullMQ has no method for this.
    if (opts !== null) await redis.hset(key, 'opts', JSON.stringify({ ...JSON.parse(opts), tm }));
  } catch {
    // Tracing must not fail an upload.
  }
}
