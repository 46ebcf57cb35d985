import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { VodClient } from '../../../src/vod/client.ts';
import { refusalError, transportError } from '../../../src/vod/wire/classify.ts';
import { tracedClient, tracedProcessor } from '../../../workers/spans.ts';

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
