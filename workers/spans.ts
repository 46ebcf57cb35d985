import {
  type Attributes,
  context,
  createContextKey,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { VERSION } from '../src/base/version.ts';
import type { JobContext } from '../src/queue/consumer.ts';
import type { VodApiClient } from '../src/vod/api-client.ts';
import { outcomeOf, type VodClient } from '../src/vod/client.ts';
import type { VodAction } from '../src/vod/wire/protocol.ts';
import { VodError } from '../src/vod/wire/vod-error.ts';

/*
 * Spans of a worker's calls to VOD; src/queue/tracing.ts makes those of its queues. Attributes show what logs show:
 * no credentials, no signatures, no signed URLs, and only the message of an error.
 */

const tracer = trace.getTracer('vod-upload-worker', VERSION);

const UPLOAD_ID = createContextKey('upload id');

/** The key by which every OpenTelemetry SDK suppresses spans in a context. */
const SUPPRESSED = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

/** Adds the upload's id to the spans of a job. */
export function tracedProcessor<Data extends { readonly uploadId?: string }>(
  process: (data: Data, attempt: JobContext) => Promise<unknown>,
): (data: Data, attempt: JobContext) => Promise<unknown> {
  return (data, attempt) => {
    if (data.uploadId === undefined) return process(data, attempt);
    trace.getActiveSpan()?.setAttribute('vod.upload_id', data.uploadId);
    return context.with(
      context.active().setValue(UPLOAD_ID, data.uploadId),
      process,
      undefined,
      data,
      attempt,
    );
  };
}

/** A client with a span for each of its requests. */
export function tracedClient(client: VodClient): VodClient {
  return {
    initUpload: (request, signal) =>
      inSpan('InitUpload', { 'vod.file_sha': request.fileSha }, () => client.initUpload(request, signal)),
    uploadPart: (request, signal) =>
      inSpan(
        'UploadPart',
        {
          'vod.file_sha': request.fileSha,
          'vod.offset': request.offset,
          'vod.bytes': request.body.byteLength,
        },
        () => client.uploadPart(request, signal),
      ),
    finishUpload: (fileSha, signal) =>
      inSpan('FinishUpload', { 'vod.file_sha': fileSha }, () => client.finishUpload(fileSha, signal)),
    checkKey: (signal) => client.checkKey(signal),
    close: () => client.close(),
  };
}

/** The same for the API client; pulling events belongs to no upload and has no spans. */
export function tracedApiClient(client: VodApiClient): VodApiClient {
  return {
    ...client,
    convertFile: (request, signal) =>
      inSpan('ConvertVodFile', { 'vod.file_id': request.fileId }, () => client.convertFile(request, signal)),
  };
}

async function inSpan<T>(action: VodAction, attributes: Attributes, call: () => Promise<T>): Promise<T> {
  const active = context.active();
  const uploadId = active.getValue(UPLOAD_ID) as string | undefined;
  const span = tracer.startSpan(action, {
    kind: SpanKind.CLIENT,
    attributes: { 'vod.action': action, 'vod.upload_id': uploadId, ...attributes },
  });
  try {
    // An HTTP instrumentation would record the signed URL.
    const reply = await context.with(active.setValue(SUPPRESSED, true), call);
    span.setAttribute('vod.result', outcomeOf(undefined).result);
    return reply;
  } catch (error) {
    span.setAttribute('vod.result', outcomeOf(error).result);
    if (error instanceof VodError) {
      const { code, canRetry, message } = error;
      span.setAttributes({ 'vod.code': code, 'vod.can_retry': canRetry, 'error.type': code });
      // An aborted request did not fail.
      if (code !== 'ABORTED') span.setStatus({ code: SpanStatusCode.ERROR, message });
    }
    throw error;
  } finally {
    span.end();
  }
}
