import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { UploaderError } from '../../../src/base/errors.ts';
import type { Api3Client } from '../../../src/vod/api3/client.ts';
import type { VodClient } from '../../../src/vod/client.ts';
import type { CosClient } from '../../../src/vod/cos/client.ts';
import { refusalError, transportError } from '../../../src/vod/wire/classify.ts';
import { tracedApi3Client, tracedClient, tracedCosClient, tracedProcessor } from '../../../workers/spans.ts';

const exporter = new InMemorySpanExporter();
beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(
    new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] }),
  );
});
afterEach(() => exporter.reset());
afterAll(() => {
  trace.disable();
  context.disable();
});

const SHA = 'a'.repeat(40);

/** Each call of it does this. */
function client(call: () => Promise<never>): VodClient {
  return tracedClient({
    ...{ initUpload: call, uploadPart: call, finishUpload: call, checkKey: call },
    close: () => {},
  });
}

async function spanOf(call: () => Promise<never>) {
  const traced = client(call);
  const process = tracedProcessor(() => traced.finishUpload(SHA));
  const { signal } = new AbortController();
  const attempt = { jobId: 'j', createdAtMs: 0, restarted: false, starts: 1, signal, save: async () => {} };
  await process({ uploadId: 'u1' }, attempt).catch(() => {});
  const spans = exporter.getFinishedSpans();
  expect(spans).toHaveLength(1);
  return spans[0];
}

test('a refusal is an error with its code', async () => {
  const span = await spanOf(async () => {
    throw refusalError('FinishUpload', { code: 10008, canRetry: 0, message: 'no' });
  });
  expect(span).toMatchObject({
    name: 'FinishUpload',
    kind: SpanKind.CLIENT,
    attributes: {
      'vod.action': 'FinishUpload',
      'vod.upload_id': 'u1',
      'vod.file_sha': SHA,
      'vod.result': 'vod_error',
      'vod.code': '10008',
      'vod.can_retry': 0,
    },
    status: { code: SpanStatusCode.ERROR },
    events: [],
  });
});

test('a request that was aborted is none', async () => {
  const span = await spanOf(async () => {
    throw transportError('FinishUpload', { code: 'ABORTED', outcomeUnknown: true });
  });
  expect(span?.status.code).toBe(SpanStatusCode.UNSET);
  expect(span?.attributes).toMatchObject({ 'vod.code': 'ABORTED' });
});

test('an instrumentation of HTTP makes no span of a signed request', async () => {
  const span = await spanOf(async () => {
    trace.getTracer('http').startSpan('GET').setAttribute('url.full', 'http://x/?Signature=s').end();
    throw new Error('done');
  });
  expect(span?.name).toBe('FinishUpload');
});

describe('spans of API 3.0 and of object storage', () => {
  const SECRETS = ['planted0session', 'planted0key', 'planted0token', 'planted0multipart'];
  const credentials = { secretId: 'AKIDtemp', secretKey: SECRETS[1] as string, token: SECRETS[2] as string };
  const object = {
    ...{ bucket: 'b-1', region: 'ap-x', key: 'dir/film.mp4' },
    credentials: { ...credentials, expiresAtMs: 1 },
  };
  const uploadId = SECRETS[3] as string;
  const body = Buffer.alloc(7);

  /** A client of which each call does this. */
  function fake<T extends object>(call: () => Promise<unknown>): T {
    const names = [
      ...['applyUpload', 'commitUpload', 'pullEvents', 'confirmEvents', 'processMediaByProcedure'],
      ...['describeMedia', 'searchMedia', 'initiate', 'listUploads', 'uploadPart', 'putObject', 'listParts'],
      ...['complete', 'abort', 'head', 'probe', 'checkKey'],
    ];
    return Object.fromEntries(names.map((name) => [name, call])) as T;
  }

  function traced(call: () => Promise<unknown> = async () => undefined) {
    return {
      api: tracedApi3Client(fake<Api3Client>(call)),
      cos: tracedCosClient(fake<CosClient>(call)),
    };
  }

  test('each request of an upload has one, with what logs show, and no secret', async () => {
    const { api, cos } = traced();
    await api.applyUpload({ mediaType: 'mp4' });
    await cos.initiate(object);
    await cos.listUploads(object);
    await cos.uploadPart(object, { uploadId, partNumber: 3, body });
    await cos.putObject(object, { body });
    await cos.listParts(object, uploadId);
    await cos.complete(object, uploadId, []);
    await cos.head(object);
    await cos.abort(object, uploadId);
    await api.commitUpload(SECRETS[0] as string);
    await api.searchMedia({ sourceContext: 'u1' });
    await api.describeMedia('42');
    await api.processMediaByProcedure({ fileId: '42', procedure: 'p' });
    const spans = exporter.getFinishedSpans();
    const bucket = { 'vod.bucket': 'b-1', 'vod.region': 'ap-x' };
    expect(spans.map(({ name, attributes }) => [name, attributes])).toEqual(
      [
        ['ApplyUpload', {}],
        ['InitiateMultipartUpload', bucket],
        ['ListMultipartUploads', bucket],
        ['UploadPart', { ...bucket, 'vod.part_number': 3, 'vod.bytes': 7 }],
        ['PutObject', { ...bucket, 'vod.bytes': 7 }],
        ['ListParts', bucket],
        ['CompleteMultipartUpload', bucket],
        ['HeadObject', bucket],
        ['AbortMultipartUpload', bucket],
        ['CommitUpload', {}],
        ['SearchMedia', {}],
        ['DescribeMediaInfos', { 'vod.file_id': '42' }],
        ['ProcessMediaByProcedure', { 'vod.file_id': '42' }],
      ].map(([name, more]) => [name, { 'vod.action': name, 'vod.result': 'ok', ...(more as object) }]),
    );
    expect(spans.every(({ kind }) => kind === SpanKind.CLIENT)).toBe(true);
    const everything = JSON.stringify(
      spans.map(({ name, attributes, status }) => [name, attributes, status]),
    );
    for (const secret of SECRETS) expect(everything).not.toContain(secret);
  });

  test('checks and loops have none', async () => {
    const { api, cos } = traced();
    await api.pullEvents();
    await api.confirmEvents([]);
    await api.checkKey();
    await cos.probe(object);
    expect(exporter.getFinishedSpans()).toEqual([]);
  });

  test('a source that fails is no answer of the service', async () => {
    const { cos } = traced(async () => {
      throw new UploaderError('SOURCE_CHANGED', 'changed');
    });
    await cos.putObject(object, { body }).catch(() => {});
    const [span] = exporter.getFinishedSpans();
    expect(span?.attributes).toMatchObject({ 'error.type': 'SOURCE_CHANGED' });
    expect(span?.attributes).not.toHaveProperty('vod.result');
    expect(span?.status.code).toBe(SpanStatusCode.ERROR);
  });
});
