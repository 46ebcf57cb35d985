import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { freePort } from '../../src/demo/free-port.ts';
import { FLUSH_TIMEOUT_MS, startTracing } from '../../src/telemetry/tracing.ts';
import { CliProcess, type Ended } from '../support/cli-process.ts';
import { type CollectedSpan, type Collector, startCollector } from '../support/collector.ts';
import { formsOf, SIGNED_URL } from '../support/leaks.ts';
import type { LogLine } from '../support/process.ts';
import { withQueue } from '../support/seed.ts';
import { sessionSecrets } from '../support/session-secrets.ts';
import { useWorld } from '../support/use-world.ts';
import { SECRET_ID, SECRET_KEY, type WorkerProcess } from '../support/world.ts';

const MIB = 1048576;
const COLLECTOR_TOKEN = 'planted0token0of0a0collector';

const { world, source, inject, gate } = useWorld();
let collector: Collector;
beforeAll(async () => {
  collector = await startCollector();
});
beforeEach(() => collector.clear());
afterAll(() => collector.close());

const tracing = () => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_EXPORTER_OTLP_HEADERS: `authorization=${COLLECTOR_TOKEN}`,
});

async function add(
  files: readonly string[],
  env: Record<string, string>,
  { redisUrl, prefix, sources } = world(),
): Promise<Ended> {
  const all = { REDIS_URL: redisUrl, QUEUE_PREFIX: prefix, SOURCE_ROOTS: sources, ...env };
  return await new CliProcess(['add', ...files, '--json'], { env: all, cwd: sources }).ended;
}

/** What the process sends when it ends is there then. */
async function stopped(worker: WorkerProcess): Promise<void> {
  expect((await worker.end('SIGTERM')).code).toBe(0);
}

const named = (name: string): CollectedSpan[] => collector.spans.filter((span) => span.name === name);

/** Names from the root of its trace down to a span. */
function pathTo(span: CollectedSpan): string[] {
  const parent = collector.spans.find(({ spanId }) => spanId === span.parentId);
  if (parent === undefined) expect(span.parentId).toBe('');
  return [...(parent === undefined ? [] : pathTo(parent)), span.name];
}

/** Whether the pass that had a child added has gone, and left the upload to wait for it. */
async function passesOver(): Promise<boolean> {
  return await withQueue(
    world(),
    async (redis, key) => (await redis.zcard(key('vod-upload:waiting-children'))) === 1,
  );
}

test('an upload is one trace, from add to FinishUpload', async () => {
  const worker = await world().worker(tracing()).ready();
  const file = await source('traced.mp4', 2.5 * MIB);
  inject({
    action: 'UploadPart',
    offset: MIB,
    effect: { kind: 'code', code: -10005, canRetry: 1, message: 'busy' },
  });
  const held = gate({ action: 'InitUpload' });
  const adding = add([file, '--wait'], tracing());
  await held.reached();
  // So that a later pass has to complete it.
  await expect.poll(passesOver).toBe(true);
  held.open();
  const ended = await adding;
  expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
  await stopped(worker);
  const { id, fileSha } = JSON.parse(ended.stdout);

  expect(new Set(collector.spans.map(({ traceId }) => traceId)).size).toBe(1);
  const pass = ['add vod-upload', 'process vod-upload'];
  const hash = [...pass, 'add vod-hash', 'process vod-hash'];
  const init = [...pass, 'add vod-init', 'process vod-init', 'InitUpload'];
  const part = [...pass, 'addBulk vod-part', 'process vod-part', 'UploadPart'];
  const finish = [...pass, 'add vod-finish', 'process vod-finish', 'FinishUpload'];
  const paths = collector.spans.map((span) => pathTo(span).join(' > '));
  const count = (path: string[]) => paths.filter((found) => found === path.join(' > ')).length;
  expect(count(pass.slice(0, 1))).toBe(1);
  // One before each step, and the one that completes; a pass may find its children done and do two steps.
  expect(count(pass)).toBeGreaterThanOrEqual(2);
  for (const path of [hash, init, finish]) expect([path, count(path)]).toEqual([path, 1]);
  for (const path of [part, part.slice(0, -1)]) expect([path, count(path)]).toEqual([path, 4]);
  // Nothing else: no loop of a worker makes spans.
  const known = [hash, init, part, finish].flatMap((path) =>
    path.map((_, end) => path.slice(0, end + 1).join(' > ')),
  );
  expect(paths.filter((path) => !known.includes(path))).toEqual([]);

  const [added] = named('add vod-upload');
  expect(added).toMatchObject({
    kind: 'producer',
    attributes: { 'bullmq.job.id': id, 'bullmq.job.name': 'traced.mp4' },
    resource: { 'service.name': 'vod-upload-worker', 'service.version': expect.stringMatching(/^\d+\./) },
  });
  for (const name of ['process vod-hash', 'process vod-part', 'InitUpload', 'UploadPart', 'FinishUpload']) {
    for (const span of named(name)) expect(span.attributes['vod.upload_id']).toBe(id);
  }
  const parts = named('UploadPart');
  const sent = parts.filter(({ failed }) => !failed);
  expect(sent.map(({ attributes }) => [attributes['vod.offset'], attributes['vod.bytes']]).sort()).toEqual([
    [0, MIB],
    [MIB, MIB],
    [2 * MIB, MIB / 2],
  ]);
  for (const { kind, attributes } of [...named('InitUpload'), ...sent, ...named('FinishUpload')]) {
    expect(kind).toBe('client');
    expect(attributes).toMatchObject({ 'vod.file_sha': fileSha, 'vod.result': 'ok' });
  }
  const failures = parts.filter(({ failed }) => failed);
  expect(failures).toMatchObject([
    {
      message: expect.stringContaining('busy'),
      attributes: { 'vod.offset': MIB, 'vod.result': 'vod_error', 'vod.code': '-10005', 'vod.can_retry': 1 },
    },
  ]);
  const failedJobs = named('process vod-part').filter(({ failed }) => failed);
  expect(failedJobs.map(({ spanId }) => spanId)).toEqual(failures.map(({ parentId }) => parentId));
});

describe('by API 3.0', () => {
  const second = useWorld({ api: '2018-07-17' });

  test('an upload is one trace, from add to CommitUpload, without a secret', async () => {
    const worker = await second.world().worker(tracing()).ready();
    const file = await second.source('traced.mp4', 9 * MIB);
    const env = { ...tracing(), VOD_API: '2018-07-17' };
    const ended = await add([file, '--wait'], env, second.world());
    expect(ended).toMatchObject({ exitCode: 0, stderr: '' });
    await stopped(worker);
    const { id } = JSON.parse(ended.stdout);
    expect(new Set(collector.spans.map(({ traceId }) => traceId)).size).toBe(1);
    const parents = new Map(collector.spans.map(({ spanId, name }) => [spanId, name]));
    const requests = collector.spans.filter(({ kind }) => kind === 'client');
    const found = requests.map(({ name, parentId }) => `${parents.get(parentId)} > ${name}`);
    expect(found.toSorted()).toEqual([
      'process vod-finish > CommitUpload',
      'process vod-finish > CompleteMultipartUpload',
      'process vod-finish > HeadObject',
      'process vod-finish > ListParts',
      'process vod-init > ApplyUpload',
      'process vod-init > InitiateMultipartUpload',
      'process vod-part > UploadPart',
      'process vod-part > UploadPart',
    ]);
    for (const { attributes } of requests) {
      expect(attributes).toMatchObject({ 'vod.upload_id': id, 'vod.result': 'ok' });
    }
    const parts = named('UploadPart').map(({ attributes }) => [
      ...[attributes['vod.part_number'], attributes['vod.bytes']],
    ]);
    expect(parts.sort()).toEqual([
      [1, 8 * MIB],
      [2, MIB],
    ]);
    const everything = Buffer.concat([...collector.received]).toString('latin1');
    const secrets = [SECRET_ID, SECRET_KEY, ...(await sessionSecrets(second.world()))];
    expect(secrets.length).toBe(6);
    for (const secret of secrets.flatMap(formsOf)) {
      expect(everything).not.toContain(secret);
    }
    expect(everything).not.toMatch(/q-signature|TC3-HMAC|security-token/i);
  });
});

test('an upload that fails is an error; no secret is in any span', async () => {
  const worker = await world()
    .worker({ ...tracing(), PART_ATTEMPTS: '2' })
    .ready();
  const effects = [
    { kind: 'code', code: 4100, canRetry: 1, message: `SecretId=${SECRET_ID}` },
    { kind: 'reset', when: 'before' },
    { kind: 'http', status: 403 },
    { kind: 'code', code: -10006, canRetry: 0, message: 'bad size' },
  ] as const;
  // Not of the request that finds out whether the key is taken.
  for (const effect of effects) inject({ action: 'InitUpload', effect });
  const files = await Promise.all([1, 2, 3, 4].map((number) => source(`failing-${number}.mp4`, MIB)));
  expect((await add([...files, '--wait'], tracing())).exitCode).toBe(1);
  await stopped(worker);

  const failed = collector.spans.filter((span) => span.failed).map(({ name }) => name);
  expect(failed).toEqual(expect.arrayContaining(['InitUpload', 'process vod-init', 'process vod-upload']));
  const everything = Buffer.concat([...collector.received]).toString('latin1');
  expect(everything).toContain('bad size');
  for (const secret of [SECRET_ID, SECRET_KEY, COLLECTOR_TOKEN].flatMap(formsOf)) {
    expect(everything).not.toContain(secret);
  }
  expect(everything).not.toMatch(SIGNED_URL);
  expect(collector.headers.every(({ authorization }) => authorization === COLLECTOR_TOKEN)).toBe(true);
  expect(worker.output).not.toContain(COLLECTOR_TOKEN);
});

test('an application’s own trace goes on in the workers', async () => {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  onTestFinished(() => {
    for (const api of [trace, context, propagation]) api.disable();
  });
  const worker = await world().worker(tracing()).ready();
  const file = await source('of-an-application.mp4', MIB);
  const upload = await trace.getTracer('application').startActiveSpan('POST /videos', async (span) => {
    const added = await world().uploads.add({ source: file });
    span.end();
    return added;
  });
  expect((await upload.result()).outcome).toBe('completed');
  await stopped(worker);

  const [added, request] = exporter.getFinishedSpans();
  expect([added?.name, request?.name]).toEqual(['add vod-upload', 'POST /videos']);
  expect(added?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
  expect(named('FinishUpload')).toHaveLength(1);
  expect(new Set(collector.spans.map(({ traceId }) => traceId))).toEqual(
    new Set([request?.spanContext().traceId]),
  );
  const passes = named('process vod-upload');
  expect(passes.every(({ parentId }) => parentId === added?.spanContext().spanId)).toBe(true);
});

test.each([
  ['outside of every trace', {}, true],
  ['with a context that is no sense', { tm: '{"traceparent":7' }, false],
])('an upload that was added %s is carried out, traced from then on', async (_, context, oneTrace) => {
  const upload = await world().uploads.add({ source: await source('untraced.mp4', 2 * MIB) });
  const redis = new Redis(world().redisUrl);
  const key = `${world().prefix}:vod-upload:${upload.id}`;
  const opts = JSON.parse((await redis.hget(key, 'opts')) ?? '');
  expect(opts).not.toHaveProperty('tm');
  await redis.hset(key, 'opts', JSON.stringify({ ...opts, ...context }));
  redis.disconnect();
  const worker = await world().worker(tracing()).ready();
  expect((await upload.result()).outcome).toBe('completed');
  await stopped(worker);
  expect(named('FinishUpload')).toHaveLength(1);
  expect(new Set(collector.spans.map(({ traceId }) => traceId)).size === 1).toBe(oneTrace);
});

/** Has a process write a line for each module of OpenTelemetry that it loads. */
const TELL_MODULES = `--import=data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  registerHooks({
    load(url, context, next) {
      const [loaded] = /@opentelemetry\\/[a-z-]+/.exec(url) ?? [];
      if (loaded) process.stderr.write(JSON.stringify({ loaded }) + '\\n');
      return next(url, context);
    },
  });
`)}`;

/** The options of every job there is. */
async function jobOptions(): Promise<Record<string, Record<string, unknown>>> {
  const redis = new Redis(world().redisUrl);
  try {
    const keys = await redis.keys(`${world().prefix.replace(/[{}]/g, '?')}:vod-*:u*`);
    const options: Record<string, Record<string, unknown>> = {};
    for (const key of keys) {
      if ((await redis.type(key)) !== 'hash') continue;
      const { opts, ...fields } = await redis.hgetall(key);
      if (opts !== undefined) options[key] = { ...fields, ...JSON.parse(opts) };
    }
    return options;
  } finally {
    redis.disconnect();
  }
}

test.each([
  ['off', () => ({}), false],
  ['on', tracing, true],
] as const)('while it is %s: the context in jobs, and the SDK', async (_, env, on) => {
  const worker = world().worker({ ...env(), NODE_OPTIONS: TELL_MODULES, PART_CONCURRENCY: '1' });
  await worker.ready();
  const parts = gate({ action: 'UploadPart' });
  const { stdout } = await add([await source('held.mp4', 3 * MIB)], env());
  await parts.reached();
  expect(Object.keys(await jobOptions()).length).toBe(4);
  const traced = Object.values(await jobOptions()).map((options) => 'tm' in options);
  expect(new Set(traced)).toEqual(new Set([on]));
  parts.open();
  const upload = await world().uploads.get(JSON.parse(stdout).id);
  expect((await upload?.result())?.outcome).toBe('completed');
  await stopped(worker);
  const modules = new Set(worker.lines.flatMap(({ loaded }) => loaded ?? []));
  expect(modules).toContain('@opentelemetry/api');
  expect(modules.has('@opentelemetry/sdk-trace')).toBe(on);
  expect(modules.size === 1).toBe(!on);
  expect(collector.received.length > 0).toBe(on);
});

test('a collector that refuses connections is in nobody’s way', async () => {
  const dead = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
    // Else the exporter tries again.
    OTEL_EXPORTER_OTLP_TIMEOUT: '100',
  };
  const worker = await world().worker(dead).ready();
  const ended = await add([await source('unseen.mp4', 2 * MIB), '--wait'], dead);
  expect(ended.exitCode).toBe(0);
  expect(ended.stderr).toMatch(/^vod-upload: traces could not be sent: .+\n$/);
  await stopped(worker);
  expect(failuresTold(worker)).toHaveLength(1);
});

test('a collector that never answers delays the end of a process by a few seconds only', async () => {
  const server = createServer(() => {}).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close().closeAllConnections());
  const hanging = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    // Longer than any test.
    OTEL_EXPORTER_OTLP_TIMEOUT: '1000000',
  };
  const worker = await world().worker(hanging).ready();
  const upload = await world().uploads.add({ source: await source('unanswered.mp4', 2 * MIB) });
  await upload.result();
  const [ended] = await Promise.all([
    add([await source('unanswered-too.mp4', MIB)], hanging),
    stopped(worker),
  ]);
  const reason = `no collector took the last spans within ${FLUSH_TIMEOUT_MS} ms`;
  expect(ended).toMatchObject({ exitCode: 0, stderr: `vod-upload: traces could not be sent: ${reason}\n` });
  expect(failuresTold(worker)).toEqual([expect.objectContaining({ reason })]);
});

function failuresTold(worker: WorkerProcess): LogLine[] {
  expect(worker.output).not.toMatch(/^\s+at |\\n\s+at /m);
  return worker.lines.filter(({ msg }) => msg?.startsWith('traces could not be sent'));
}

test('that spans can not be sent is told once, and again only after some could', async () => {
  const statuses = [400, 400, 200, 400, 400];
  /** The SDK sends so many at once, without waiting for more, and one batch after the other. */
  const addBatch = (): void => {
    for (let count = 0; count < 512; count++) trace.getTracer('test').startSpan('one of many').end();
  };
  const through = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    response.writeHead(statuses.shift() ?? 500);
    if (statuses.length === 0) through.resolve();
    else addBatch();
    request.resume().on('end', () => response.end());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', `http://127.0.0.1:${port}`);
  const told: string[] = [];
  const sending = await startTracing({ sampler: 'always_on', ratio: 1 }, (reason) => told.push(reason));
  onTestFinished(() => {
    vi.unstubAllEnvs();
    for (const api of [trace, context, propagation]) api.disable();
    server.close().closeAllConnections();
  });
  addBatch();
  await through.promise;
  await sending.stop();
  expect(told).toHaveLength(2);
});
