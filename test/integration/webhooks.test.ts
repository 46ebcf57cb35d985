import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { InvalidUploadError, VodUploads } from '../../src/index.ts';
import { everythingIn, formsOf } from '../support/leaks.ts';
import { NEW_WEBHOOK_SECRET, type Receiver, startReceiver, WEBHOOK_SECRET } from '../support/receiver.ts';
import { withQueue } from '../support/seed.ts';
import { useWorld } from '../support/use-world.ts';
import type { WorkerProcess } from '../support/world.ts';

const { world, source, inject, stats } = useWorld({ ownRedis: true });

/** A producer that allows receivers on this machine. */
function producer(): VodUploads {
  const { redisUrl, prefix } = world();
  const uploads = new VodUploads({ connection: redisUrl, prefix, allowPrivateWebhooks: true });
  onTestFinished(() => uploads.close());
  return uploads;
}

async function receiverOf(options?: Parameters<typeof startReceiver>[0]): Promise<Receiver> {
  const receiver = await startReceiver(options);
  onTestFinished(() => receiver.close());
  return receiver;
}

async function worker(env: Record<string, string> = {}): Promise<WorkerProcess> {
  const usual = { WEBHOOK_SECRETS: WEBHOOK_SECRET, WEBHOOK_ALLOW_PRIVATE: '1', LOG_LEVEL: 'trace' };
  return await world()
    .worker({ ...usual, ...env })
    .ready();
}

const failParts = (): void =>
  inject({
    action: 'UploadPart',
    effect: { kind: 'code', code: -10006, canRetry: 0, message: 'bad size' },
    count: 1,
  });

/** Retries a job through Bull Board's API. */
async function pressRetry(receiver: Receiver): Promise<void> {
  const ops = await world().ops().ready();
  const queue = `${ops.url}/dashboard/api/queues`;
  const found = (await (await fetch(`${queue}?activeQueue=vod-webhook&status=failed`)).json()) as {
    queues: { name: string; jobs: { id: string; failedReason: string }[] }[];
  };
  const [job] = found.queues.find(({ name }) => name === 'vod-webhook')?.jobs ?? [];
  expect(job?.failedReason).toBe(
    `http://127.0.0.1:${receiver.port} answered 410 (Gone): the receiver no longer accepts these webhooks [WEBHOOK_GONE]`,
  );
  const pressed = await fetch(`${queue}/vod-webhook/${encodeURIComponent(job?.id ?? '')}/retry`, {
    method: 'PUT',
    headers: { 'sec-fetch-site': 'same-origin' },
  });
  expect(pressed.status).toBe(204);
}

test('global and per-upload receivers get signed notifications; no secret appears anywhere else', async () => {
  const path = '/hooks/planted0in0path?token=planted0in0query';
  const all = await receiverOf({ path });
  const old = await receiverOf();
  const next = await receiverOf({ secret: NEW_WEBHOOK_SECRET });
  const running = await worker({
    WEBHOOK_URL: `${all.url}, ${old.url}`,
    WEBHOOK_SECRETS: `${NEW_WEBHOOK_SECRET} ${WEBHOOK_SECRET}`,
  });
  const file = await source('launch.mp4', 3000);
  const upload = await producer().add({ source: file, key: 'order-42', webhookUrl: next.url });
  const result = await upload.result();
  failParts();
  const failing = await world().uploads.add({ source: await source('failing.mp4', 4000) });
  await expect(failing.result()).rejects.toThrow();

  const both = [`upload.completed ${upload.id}`, `upload.failed ${failing.id}`];
  await expect.poll(() => all.accepted().sort()).toEqual(both);
  await expect.poll(() => old.accepted().sort()).toEqual(both);
  await expect.poll(() => next.accepted()).toEqual(both.slice(0, 1));
  expect([...all.refused, ...old.refused, ...next.refused]).toEqual([]);
  expect(all.requests[0]?.path).toBe(path);
  const bodies = new Map(all.requests.map(({ payload }) => [payload.type, payload]));
  const { fileId, url, fileSha } = result;
  const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/);
  expect(bodies.get('upload.completed')).toEqual({
    id: expect.stringContaining(upload.id),
    type: 'upload.completed',
    timestamp: time,
    data: {
      uploadId: upload.id,
      key: 'order-42',
      attempt: 1,
      name: 'launch',
      type: 'mp4',
      createdAt: time,
      ...{ fileId, url, fileSha, outcome: 'completed', fileSize: 3000 },
    },
  });
  expect(bodies.get('upload.failed')?.data).toMatchObject({
    uploadId: failing.id,
    state: 'failed',
    failure: { code: '-10006', message: expect.stringContaining('bad size'), retryable: false },
  });
  await expect.poll(() => running.metric('vod_webhook_deliveries_total', { outcome: 'delivered' })).toBe(5);

  const metrics = JSON.stringify(await running.metrics());
  await running.end('SIGTERM');
  const redis = new Redis(world().redisUrl);
  const seen = { redis: await everythingIn(redis), metrics, output: running.output };
  redis.disconnect();
  expect(seen.redis).toContain('order-42');
  expect(seen.output).toContain('webhook delivered');
  const secrets = [
    WEBHOOK_SECRET,
    NEW_WEBHOOK_SECRET,
    'planted0webhook0secret',
    'planted0in0path',
    'planted0in0query',
  ];
  for (const [place, text] of Object.entries(seen)) {
    for (const secret of secrets.flatMap(formsOf))
      expect(text.includes(secret), `${secret} in ${place}`).toBe(false);
  }
});

test('a receiver that fails in any way gets all events later, in order', async () => {
  const receiver = await receiverOf();
  const other = await receiverOf();
  const running = await worker({ WEBHOOK_URL: `${receiver.url} ${other.url}` });
  receiver.answer(
    500,
    { status: 302, headers: { location: other.url } },
    (response) => response.socket?.destroy(),
    404,
    { status: 503, headers: { 'retry-after': '3600' } },
  );
  failParts();
  const upload = await world().uploads.add({ source: await source('bumpy.mp4', 1000) });
  await expect(upload.result()).rejects.toThrow();
  await (await world().uploads.retry(upload.id)).result();
  const order = [`upload.failed ${upload.id}`, `upload.completed ${upload.id}`];
  // The other receivers are served meanwhile.
  await expect.poll(() => other.accepted()).toEqual(order);
  const queue = new Queue('vod-webhook', { connection: { url: world().redisUrl }, prefix: world().prefix });
  onTestFinished(() => queue.close());
  const delayed = async () => (await queue.getDelayed()).find(({ name }) => name === 'upload.failed');
  await expect.poll(async () => (await delayed())?.delay).toBe(3_600_000);
  await receiver.close();
  // The Retry-After of an hour is over.
  await (await delayed())?.promote();
  await running.line(({ code, reason }) => code === 'WEBHOOK_NETWORK' && /refused/.test(String(reason)));
  await receiver.open();
  await expect.poll(() => receiver.accepted()).toEqual(order);
  const types = receiver.requests.map(({ payload }) => payload.type);
  expect(types).toEqual([...Array.from({ length: 6 }, () => 'upload.failed'), 'upload.completed']);
  // The same event each time.
  expect(new Set(receiver.requests.map(({ payload }) => payload.id)).size).toBe(2);
  expect(other.requests).toHaveLength(2);
  const codes = running.lines
    .filter(({ stage, code }) => stage === 'webhook' && code)
    .map(({ code }) => code);
  expect(codes.slice(0, 6)).toEqual([
    'WEBHOOK_HTTP_500',
    'WEBHOOK_REDIRECT',
    'WEBHOOK_NETWORK',
    'WEBHOOK_HTTP_404',
    'WEBHOOK_HTTP_503',
    'WEBHOOK_NETWORK',
  ]);
  expect(await running.metric('vod_webhook_deliveries_total', { outcome: 'dead' })).toBe(0);
});

test('410 fails it at once with a reason; the dashboard can send it again', async () => {
  const receiver = await receiverOf();
  const running = await worker({ WEBHOOK_URL: receiver.url });
  receiver.answer(410);
  const upload = await world().uploads.add({ source: await source('gone.mp4', 1000) });
  await running.line(({ code, next }) => code === 'WEBHOOK_GONE' && next === 'failed');
  expect((await upload.status()).state).toBe('completed');
  expect(await running.metric('vod_webhook_deliveries_total', { outcome: 'dead' })).toBe(1);
  await pressRetry(receiver);
  await expect.poll(() => receiver.accepted()).toEqual([`upload.completed ${upload.id}`]);
  expect(stats().requests.InitUpload.total).toBe(1);
});

test('after a worker is killed before or during a delivery, the next one delivers', async () => {
  const receiver = await receiverOf();
  const killed = await worker({ WEBHOOK_URL: receiver.url });
  // No response.
  receiver.answer(() => {});
  const first = await world().uploads.add({ source: await source('killed.mp4', 1000) });
  await expect.poll(() => receiver.requests.length).toBe(1);
  await killed.end('SIGKILL');
  await world().expireLocks();
  await world().expireLeases();
  // The upload ends while no worker can notify.
  world().worker({}, ['--stages', 'upload,hash,init,part,finish']);
  const second = await world().uploads.add({ source: await source('unannounced.mp4', 2000) });
  await second.result();
  await worker({ WEBHOOK_URL: receiver.url });
  const expected = [first, second].map(({ id }) => `upload.completed ${id}`);
  await expect.poll(() => receiver.accepted().sort()).toEqual(expected.sort());
  expect(receiver.requests).toHaveLength(3);
});

test('workers connect to this machine or private networks only if that is allowed', async () => {
  const receiver = await receiverOf();
  const running = await worker({ WEBHOOK_ALLOW_PRIVATE: '' });
  const { uploads } = world();
  for (const [webhookUrl, problem] of [
    ['http://example.com/', 'must begin with https://'],
    ['https://127.0.0.1/x', 'must not name a private address'],
    ['https://0x7f.1/', 'must not name a private address'],
    ['https://[::ffff:10.0.0.1]/', 'must not name a private address'],
    ['https://user:planted@example.com/', 'must not contain a user or password'],
    ['ftp://example.com/', 'must be a URL that begins with https://'],
    [`https://example.com/${'x'.repeat(2048)}`, 'must be at most 2048 characters'],
  ] as const) {
    const refused = uploads.add({ source: '/srv/x.mp4', checkSource: false, webhookUrl });
    await expect(refused, webhookUrl).rejects.toThrow(InvalidUploadError);
    await expect(refused).rejects.toThrow(`webhookUrl ${problem}`);
  }
  // A host name that resolves to such an address is refused when connecting.
  const webhookUrl = `https://localhost:${receiver.port}/hook`;
  await uploads.add({ source: await source('inside.mp4', 1000), webhookUrl });
  const { next, reason } = await running.line(({ code }) => code === 'WEBHOOK_PRIVATE_ADDRESS');
  expect(next).toBe('failed');
  expect(reason).toContain('has no public address');
  // The same applies to jobs written directly to Redis.
  await producer().add({ source: await source('forged.mp4', 2000), webhookUrl: receiver.url });
  const forged = await running.line(({ code }) => code === 'WEBHOOK_URL');
  expect(forged).toMatchObject({ next: 'failed', reason: "the webhook's URL must begin with https://" });
  expect(receiver.connections).toBe(0);
});

test('adds no job without receivers', async () => {
  await worker();
  const upload = await world().uploads.add({ source: await source('quiet.mp4', 1000) });
  await upload.result();
  const cursor = async (): Promise<boolean> =>
    await withQueue(world(), async (redis, key) => {
      const [last] = await redis.xrevrange(key('vod-upload:events'), '+', '-', 'COUNT', 1);
      return last?.[0] === (await redis.get(key('vod-consumer:@webhooks')));
    });
  await expect.poll(cursor).toBe(true);
  await withQueue(world(), async (redis, key) => {
    expect(await redis.keys(key('vod-webhook:*').replace(/[{}]/g, '?'))).not.toContainEqual(
      expect.stringContaining(upload.id),
    );
  });
});
