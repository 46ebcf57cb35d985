import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type RedisLocation, RedisUnavailableError, type Upload } from '../../src/index.ts';
import { makeCertificates } from '../support/certificates.ts';
import { expectStoredOnce, startProducer } from '../support/producer.ts';
import { parseMetrics, sumOf } from '../support/prometheus-text.ts';
import { grantDocumentedRights, untilReplicated } from '../support/redis.ts';
import { deniedCommands, tlsIsMissing, tlsSettings } from '../support/redis-access.ts';
import { MASTER, startSentinels, type TestSentinels } from '../support/redis-sentinel.ts';
import { useWorld } from '../support/use-world.ts';
import { SLOTS } from '../support/world.ts';

const MIB = 1048576;

const { world, source, gate, stats, download } = useWorld();

const producer = (connection: RedisLocation, ca?: string) => startProducer(world(), connection, ca);

const environmentOf = ({ sentinels }: TestSentinels): Record<string, string> => ({
  REDIS_URL: '',
  REDIS_SENTINELS: sentinels,
  REDIS_SENTINEL_MASTER: MASTER,
});

test('the primary dies: its replica takes over, and nothing is lost or sent as two videos', async () => {
  const redis = await startSentinels();
  const env = environmentOf(redis);
  const workers = await Promise.all([1, 2].map(() => world().worker(env).ready()));
  const ops = await world().ops(env).ready();
  const uploads = producer({ sentinels: redis.sentinels, master: MASTER });
  const parts = gate({ action: 'UploadPart', after: 5 });
  const paths = await Promise.all(['a', 'b', 'c'].map((name) => source(`${name}.mp4`, 12 * MIB)));
  const added = await uploads.addMany(paths.map((path) => ({ source: path })));
  const results = Promise.all(added.map((upload) => upload.result()));
  await parts.reached(2 * SLOTS);

  await untilReplicated(redis.admin(redis.primary), `${world().prefix}:still`);
  await redis.primary.child.kill();
  const late = { source: await source('late.mp4', MIB), key: 'late' };
  await expect(uploads.add(late)).rejects.toBeInstanceOf(RedisUnavailableError);
  // VOD takes parts that nobody can write down yet.
  parts.open();
  await redis.failOver();
  let lateUpload: Upload | undefined;
  await expect
    .poll(async () => {
      lateUpload = await uploads.add(late).catch(() => undefined);
      return lateUpload !== undefined;
    })
    .toBe(true);
  expect((await lateUpload?.result())?.outcome).toBe('completed');

  await expectStoredOnce({ download, stats }, await results, paths);
  expect(stats().files).toHaveLength(4);
  expect((await uploads.list()).map(({ state, attempt }) => [state, attempt])).toEqual(
    Array.from({ length: 4 }, () => ['completed', 1]),
  );
  const held = gate({ action: 'UploadPart' });
  const cancelled = await uploads.add({ source: await source('cancelled.mp4', 40 * MIB) });
  await held.reached();
  expect(await uploads.cancel(cancelled.id)).toBe(true);
  // A worker that had nothing to do may still be on its way there.
  await expect
    .poll(async () => {
      const metrics = parseMetrics(await (await fetch(`${ops.url}/metrics`)).text());
      return sumOf(metrics, 'vod_queue_workers', { queue: 'vod-part' });
    })
    .toBe(workers.length);
  for (const worker of workers) expect(await worker.end('SIGTERM')).toEqual({ code: 0, signal: null });
});

test('a primary that vanishes takes with it what no replica has heard of: it is done again, and VOD has one video', async () => {
  const redis = await startSentinels();
  const worker = await world().worker(environmentOf(redis)).ready();
  const uploads = producer({ sentinels: redis.sentinels, master: MASTER });
  const parts = gate({ action: 'UploadPart' });
  const path = await source('forgotten.mp4', 12 * MIB);
  const upload = await uploads.add({ source: path });
  await parts.reached(SLOTS);

  // From here on the replica hears of nothing: it can't log in any more.
  await untilReplicated(redis.admin(redis.primary), `${world().prefix}:still`);
  await redis.admin(redis.replica).config('SET', 'masterauth', 'wrong');
  await redis.admin(redis.primary).call('CLIENT', 'KILL', 'TYPE', 'replica');
  parts.open();
  const first = await upload.result();
  const key = `${world().prefix}:vod-upload:${upload.id}`;
  expect(await redis.admin(redis.primary).hexists(key, 'finishedOn')).toBe(1);
  expect(await redis.admin(redis.replica).hexists(key, 'finishedOn')).toBe(0);

  // It neither answers nor closes a connection, like a machine without power.
  process.kill(redis.primary.child.pid, 'SIGSTOP');
  // The locks of what was at work when the replica last heard run out, before the worker takes any at the new primary.
  worker.child.kill('SIGSTOP');
  await redis.failOver();
  await world().expireLocks(redis.admin(redis.replica));
  worker.child.kill('SIGCONT');
  const second = await upload.result();
  expect(second).toMatchObject({ fileId: first.fileId, url: first.url });
  expect(await redis.admin(redis.replica).hexists(key, 'finishedOn')).toBe(1);
  expect(stats().files.filter(({ fileId }) => fileId === first.fileId)).toMatchObject([{ finishes: 1 }]);
  expect((await download(second.url)).equals(await readFile(path))).toBe(true);

  // It comes to, and takes itself for the primary until the sentinels make it a replica; work goes on at the new one.
  process.kill(redis.primary.child.pid, 'SIGCONT');
  const after = await uploads.add({ source: await source('after.mp4', 2 * MIB) });
  expect((await after.result()).outcome).toBe('completed');
  expect(await redis.admin(redis.replica).exists(`${world().prefix}:vod-upload:${after.id}`)).toBe(1);
});

test('with TLS, passwords of both and a user of the documented rights, all that workers and producers do works', async (context) => {
  context.skip(tlsIsMissing() !== undefined, tlsIsMissing());
  const certificates = await makeCertificates();
  const { ca, caFile } = certificates;
  const tls = tlsSettings(certificates);
  const { port: _, 'tls-port': __, ...tlsFiles } = tls;
  const redis = await startSentinels({
    settings: { ...tls, 'tls-replication': 'yes', requirepass: 'admin', masterauth: 'admin' },
    sentinelSettings: [
      ...Object.entries(tlsFiles).map(([name, value]) => `${name} ${value}`),
      'tls-replication yes',
      'requirepass watching',
      'sentinel sentinel-pass watching',
      `sentinel auth-pass ${MASTER} admin`,
    ],
    tls: true,
    connection: { tls: { ca }, password: 'admin' },
    sentinelConnection: { tls: { ca }, password: 'watching' },
  });
  const password = 'pass,word@/%';
  const servers = [redis.primary, redis.replica].map((server) => redis.admin(server));
  for (const server of servers) await grantDocumentedRights(server, { prefix: world().prefix, password });
  const sentinels = `rediss://uploads:${encodeURIComponent(password)}@${redis.sentinels}`;
  const env = {
    ...environmentOf(redis),
    REDIS_SENTINELS: sentinels,
    REDIS_SENTINEL_PASSWORD: 'watching',
    REDIS_CA_FILE: caFile,
    LOG_LEVEL: 'trace',
  };
  const worker = await world().worker(env).ready();
  const location = { sentinels, master: MASTER, sentinelPassword: 'watching' };
  const upload = await producer(location, ca).add({ source: await source('tls.mp4', 3 * MIB) });
  expect((await upload.result()).outcome).toBe('completed');
  await worker.end('SIGTERM');
  for (const server of servers) expect(await deniedCommands(server)).toEqual([]);
  expect(worker.output).toContain(`${MASTER} of sentinels rediss://`);
  for (const secret of [password, encodeURIComponent(password), 'watching']) {
    expect(worker.output).not.toContain(secret);
  }

  // What is wrong is told at once, or within seconds.
  const failures = [
    [
      producer({ ...location, sentinels: sentinels.replace('pass', 'planted') }, ca),
      /refuses these credentials/,
    ],
    [producer({ ...location, sentinelPassword: 'planted' }, ca), /refuses these credentials/],
    [producer(location), /certificate that is not trusted/],
    [
      producer({ ...location, master: 'nobody' }, ca),
      /nobody of sentinels .* did not answer.*REDIS_SENTINELS/,
    ],
  ] as const;
  const messages = await Promise.all(failures.map(([uploads]) => uploads.list().then(String, String)));
  for (const [index, message] of messages.entries()) {
    expect(message).toMatch(failures[index]?.[1] as RegExp);
    expect(message).not.toContain('planted');
  }
});

test('passwords of the servers and of the sentinels that change in their files are read again', async () => {
  const redis = await startSentinels({
    settings: { requirepass: 'first', masterauth: 'first' },
    sentinelSettings: [
      'requirepass watching',
      'sentinel sentinel-pass watching',
      `sentinel auth-pass ${MASTER} first`,
    ],
    connection: { password: 'first' },
    sentinelConnection: { password: 'watching' },
  });
  const files = {
    REDIS_SENTINELS_FILE: join(world().sources, 'sentinels'),
    REDIS_SENTINEL_PASSWORD_FILE: join(world().sources, 'sentinel-password'),
  };
  const write = async (password: string, sentinelPassword: string): Promise<void> => {
    await writeFile(files.REDIS_SENTINELS_FILE, `redis://:${password}@${redis.sentinels}`);
    await writeFile(files.REDIS_SENTINEL_PASSWORD_FILE, sentinelPassword);
  };
  await write('first', 'watching');
  const worker = await world()
    .worker({ ...environmentOf(redis), REDIS_SENTINELS: '', ...files })
    .ready();
  const admin = redis.admin(redis.primary);
  await admin.ping();

  for (const watcher of redis.watchers) {
    await watcher.call('ACL', 'SETUSER', 'default', 'resetpass', '>looking');
  }
  await admin.config('SET', 'requirepass', 'second');
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal');
  const told = await worker.line(({ msg }) => msg === 'redis refuses these credentials');
  expect(told).toMatchObject({
    reply: expect.stringMatching(/^WRONGPASS/),
    fix: expect.stringContaining('REDIS_SENTINELS_FILE or the file of REDIS_SENTINEL_PASSWORD_FILE'),
  });
  await write('second', 'looking');
  const uploads = producer({
    sentinels: `redis://:second@${redis.sentinels}`,
    master: MASTER,
    sentinelPassword: 'looking',
  });
  const upload = await uploads.add({ source: await source('rotated.mp4', 2 * MIB) });
  expect((await upload.result()).outcome).toBe('completed');
  expect((await worker.end('SIGTERM')).code).toBe(0);
});
