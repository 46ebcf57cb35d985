import {
  type Attributes,
  context,
  createContextKey,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { UploaderError } from '../src/base/errors.ts';
import { VERSION } from '../src/base/version.ts';
import type { JobContext } from '../src/queue/consumer.ts';
import type { VodApiClient } from '../src/vod/api-client.ts';
import type { Api3Client } from '../src/vod/api3/client.ts';
import { outcomeOf, type VodClient } from '../src/vod/client.ts';
import type { CosClient, CosContent, CosObject } from '../src/vod/cos/client.ts';
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

/** The same for API 3.0; pulling events has no spans here either. */
export function tracedApi3Client(client: Api3Client): Api3Client {
  return {
    ...client,
    applyUpload: (request, signal) => inSpan('ApplyUpload', {}, () => client.applyUpload(request, signal)),
    // The key of a session is a secret.
    commitUpload: (sessionKey, signal) =>
      inSpan('CommitUpload', {}, () => client.commitUpload(sessionKey, signal)),
    processMediaByProcedure: (request, signal) =>
      inSpan('ProcessMediaByProcedure', { 'vod.file_id': request.fileId }, () =>
        client.processMediaByProcedure(request, signal),
      ),
    describeMedia: (fileId, signal) =>
      inSpan('DescribeMediaInfos', { 'vod.file_id': fileId }, () => client.describeMedia(fileId, signal)),
    searchMedia: (request, signal) => inSpan('SearchMedia', {}, () => client.searchMedia(request, signal)),
  };
}

/** The same for object storage; the call that lists parts has one span, although it can be several requests. */
export function tracedCosClient(client: CosClient): CosClient {
  return {
    ...client,
    initiate: (object, signal) =>
      inSpan('InitiateMultipartUpload', bucketOf(object), () => client.initiate(object, signal)),
    listUploads: (object, signal) =>
      inSpan('ListMultipartUploads', bucketOf(object), () => client.listUploads(object, signal)),
    uploadPart: (object, part, signal) =>
      inSpan(
        'UploadPart',
        { ...bucketOf(object), ...bytesOf(part), 'vod.part_number': part.partNumber },
        () => client.uploadPart(object, part, signal),
      ),
    putObject: (object, content, signal) =>
      inSpan('PutObject', { ...bucketOf(object), ...bytesOf(content) }, () =>
        client.putObject(object, content, signal),
      ),
    listParts: (object, uploadId, signal) =>
      inSpan('ListParts', bucketOf(object), () => client.listParts(object, uploadId, signal)),
    complete: (object, uploadId, parts, signal) =>
      inSpan('CompleteMultipartUpload', bucketOf(object), () =>
        client.complete(object, uploadId, parts, signal),
      ),
    abort: (object, uploadId, signal) =>
      inSpan('AbortMultipartUpload', bucketOf(object), () => client.abort(object, uploadId, signal)),
    head: (object, signal) => inSpan('HeadObject', bucketOf(object), () => client.head(object, signal)),
  };
}

/** The object's key is left out: it is the path of the video's URL. */
function bucketOf({ bucket, region }: CosObject): Attributes {
  return { 'vod.bucket': bucket, 'vod.region': region };
}

function bytesOf({ body }: CosContent): Attributes {
  return { 'vod.bytes': body.byteLength };
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
    if (error instanceof VodError) {
      const { code, canRetry, message } = error;
      span.setAttribute('vod.result', outcomeOf(error).result);
      span.setAttributes({ 'vod.code': code, 'vod.can_retry': canRetry, 'error.type': code });
      // An aborted request did not fail.
      if (code !== 'ABORTED') span.setStatus({ code: SpanStatusCode.ERROR, message });
    } else {
      // What a streamed body threw: its source failed, not the request.
      span.setAttribute('error.type', error instanceof UploaderError ? error.code : 'unexpected');
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    throw error;
  } finally {
    span.end();
  }
}
