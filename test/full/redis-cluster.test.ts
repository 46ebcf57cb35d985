import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type RedisLocation, RedisUnavailableError, type Upload } from '../../src/index.ts';
import { makeCertificates } from '../support/certificates.ts';
import { expectStoredOnce, startProducer } from '../support/producer.ts';
import { parseMetrics, sumOf } from '../support/prometheus-text.ts';
import { deniedCommands, tlsIsMissing, tlsSettings } from '../support/redis-access.ts';
import { startCluster } from '../support/redis-cluster.ts';
import { useWorld } from '../support/use-world.ts';
import { SLOTS } from '../support/world.ts';

const MIB = 1048576;

const { world, source, inject, gate, stats, download } = useWorld();

const producer = (connection: RedisLocation, ca?: string) => startProducer(world(), connection, ca);

test('after a failover of the uploads’ primary nothing is lost, and no video is stored twice', async () => {
  const cluster = await startCluster(`${world().prefix}:`);
  const env = { REDIS_URL: '', REDIS_CLUSTER_NODES: cluster.nodes };
  const workers = await Promise.all([1, 2].map(() => world().worker(env).ready()));
  const ops = await world().ops(env).ready();
  const uploads = producer({ cluster: cluster.nodes });
  const completedIds: string[] = [];
  uploads.subscribe({
    consumer: 'cluster',
    onCompleted: ({ uploadId }) => completedIds.push(uploadId),
    onError: () => {},
  });
  const parts = gate({ action: 'UploadPart', after: 5 });
  const paths = await Promise.all(['a', 'b', 'c'].map((name) => source(`${name}.mp4`, 12 * MIB)));
  const added = await uploads.addMany(paths.map((path) => ({ source: path })));
  const results = Promise.all(added.map((upload) => upload.result()));
  await parts.reached(2 * SLOTS);

  await cluster.killOwner();
  const late = { source: await source('late.mp4', MIB), key: 'late' };
  await expect(uploads.add(late)).rejects.toBeInstanceOf(RedisUnavailableError);
  // VOD accepts parts whose jobs can't be completed in Redis yet.
  parts.open();
  await cluster.takeOver();
  let lateUpload: Upload | undefined;
  await expect
    .poll(async () => {
      lateUpload = await uploads.add(late).catch(() => undefined);
      return lateUpload !== undefined;
    })
    .toBe(true);
  expect((await lateUpload?.result())?.outcome).toBe('completed');

  await expectStoredOnce({ download, stats }, await results, paths);
  const ids = [...added, lateUpload].map((upload) => upload?.id);
  await expect.poll(() => [...new Set(completedIds)].sort()).toEqual(ids.sort());
  expect(stats().files).toHaveLength(4);
  expect((await uploads.list()).map(({ state, attempt }) => [state, attempt])).toEqual(
    Array.from({ length: 4 }, () => ['completed', 1]),
  );
  expect(await cluster.admin(cluster.replica).exists(`${world().prefix}:vod-upload:meta`)).toBe(1);

  // Retry, cancel, list and metrics work with the new primary.
  inject({ action: 'UploadPart', effect: { kind: 'code', code: -10006, canRetry: 0 } });
  const failing = await uploads.add({ source: await source('fails.mp4', 2 * MIB) });
  await expect(failing.result()).rejects.toMatchObject({ code: '-10006' });
  expect((await (await uploads.retry(failing.id)).result()).outcome).toBe('completed');
  const held = gate({ action: 'UploadPart' });
  const cancelled = await uploads.add({ source: await source('cancelled.mp4', 40 * MIB) });
  await held.reached();
  expect(await uploads.cancel(cancelled.id)).toBe(true);
  const metrics = async () => parseMetrics(await (await fetch(`${ops.url}/metrics`)).text());
  // An idle worker may not have reconnected yet.
  await expect
    .poll(async () => sumOf(await metrics(), 'vod_queue_workers', { queue: 'vod-part' }))
    .toBe(workers.length);
  expect(sumOf(await metrics(), 'vod_queue_jobs', { queue: 'vod-upload', state: 'completed' })).toBe(5);
  await cluster.admin(cluster.replica).config('SET', 'maxmemory', 1_234_567_890);
  // The previous value may be cached for a moment.
  await expect.poll(async () => sumOf(await metrics(), 'vod_redis_memory_max_bytes')).toBe(1_234_567_890);
  for (const worker of workers) expect(await worker.end('SIGTERM')).toEqual({ code: 0, signal: null });
});

test('workers and producers work with TLS and a user with the documented rights', async (context) => {
  context.skip(tlsIsMissing() !== undefined, tlsIsMissing());
  const certificates = await makeCertificates();
  const cluster = await startCluster(`${world().prefix}:`, {
    settings: { ...tlsSettings(certificates), 'tls-cluster': 'yes', 'tls-replication': 'yes' },
    connection: { tls: { ca: certificates.ca } },
  });
  const password = 'pass,word@/%';
  await cluster.grantRights({ prefix: world().prefix, password });
  const nodes = `rediss://uploads:${encodeURIComponent(password)}@${cluster.nodes}`;
  const env = {
    REDIS_URL: '',
    REDIS_CLUSTER_NODES: nodes,
    REDIS_CA_FILE: certificates.caFile,
    LOG_LEVEL: 'trace',
  };
  const worker = await world().worker(env).ready();
  const ops = await world().ops(env).ready();
  const uploads = producer({ cluster: nodes }, certificates.ca);
  const upload = await uploads.add({ source: await source('tls.mp4', 3 * MIB) });
  expect((await upload.result()).outcome).toBe('completed');
  const parts = gate({ action: 'UploadPart' });
  const cancelled = await uploads.add({ source: await source('tls-cancelled.mp4', 40 * MIB) });
  await parts.reached();
  expect(await uploads.cancel(cancelled.id)).toBe(true);
  expect(await uploads.list()).toHaveLength(2);
  const metrics = parseMetrics(await (await fetch(`${ops.url}/metrics`)).text());
  expect(sumOf(metrics, 'vod_queue_workers', { queue: 'vod-part' })).toBe(1);
  await worker.end('SIGTERM');
  for (const node of cluster.all) expect(await deniedCommands(cluster.admin(node))).toEqual([]);
  for (const { output } of [worker, ops]) {
    expect(output).toContain('cluster rediss://');
    expect(output).not.toContain(password);
    expect(output).not.toContain(encodeURIComponent(password));
  }

  const wrong = producer({ cluster: nodes.replace('pass', 'planted') }, certificates.ca);
  await expect(wrong.list()).rejects.toThrow(
    /rediss:\/\/uploads:\*\*\*@.* refuses these credentials.*REDIS_CLUSTER_NODES/,
  );
  await expect(producer({ cluster: nodes }).list()).rejects.toThrow(/certificate that is not trusted/);
});

test('a password that changes in its file is read again', async () => {
  const cluster = await startCluster(`${world().prefix}:`);
  const rotate = async (password: string): Promise<void> => {
    await cluster.grantRights({ prefix: world().prefix, password });
    for (const node of cluster.all) await cluster.admin(node).call('CLIENT', 'KILL', 'USER', 'uploads');
  };
  const locationOf = (password: string) => `redis://uploads:${password}@${cluster.nodes}`;
  const file = join(world().sources, 'nodes');
  await writeFile(file, locationOf('first'));
  await rotate('first');
  const env = { REDIS_URL: '', REDIS_CLUSTER_NODES_FILE: file };
  const [worker, ops] = await Promise.all([world().worker(env).ready(), world().ops(env).ready()]);

  await rotate('second');
  // Without a request, ops would not see the refusal.
  const request = fetch(`${ops.url}/metrics`).catch(() => {});
  for (const one of [worker, ops]) {
    const refused = await one.line(({ msg }) => msg === 'redis refuses these credentials');
    expect(refused).toMatchObject({
      reply: expect.stringMatching(/^WRONGPASS/),
      fix: expect.stringContaining('the file of REDIS_CLUSTER_NODES_FILE, which is read again'),
    });
  }
  await writeFile(file, locationOf('second'));
  const uploads = producer({ cluster: locationOf('second') });
  const upload = await uploads.add({ source: await source('rotated.mp4', 2 * MIB) });
  expect((await upload.result()).outcome).toBe('completed');
  // Cancelling uses its own connection, which also needs the new password.
  const parts = gate({ action: 'UploadPart' });
  const cancelled = await uploads.add({ source: await source('cancelled.mp4', 40 * MIB) });
  await parts.reached();
  expect(await uploads.cancel(cancelled.id)).toBe(true);
  await expect.poll(() => parts.waiting()).toBe(0);
  await request;
  await expect.poll(async () => (await fetch(`${ops.url}/readyz`)).status).toBe(200);
  expect((await worker.end('SIGTERM')).code).toBe(0);
});
