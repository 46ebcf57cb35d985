import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createVodClient } from '../../src/vod/client.ts';
import { sha1Of } from '../support/files.ts';
import { sumOf } from '../support/prometheus-text.ts';
import { useWorld } from '../support/use-world.ts';
import { SECRET_ID, SECRET_KEY } from '../support/world.ts';

const MIB = 1048576;

const { world, source, inject, gate, stats } = useWorld({ ownRedis: true });

describe("a worker's metrics", () => {
  it('agree with the emulator’s statistics for success, retry, quota, resume, instant and failure', async () => {
    const sizes = { plain: 3 * MIB + 7, bumpy: 4 * MIB + 11, half: 5 * 524288 + 99, failing: 700_003 };
    const path = {
      plain: await source('plain.mp4', sizes.plain),
      bumpy: await source('bumpy.mp4', sizes.bumpy),
      half: await source('half.mp4', sizes.half),
      failing: await source('failing.mp4', sizes.failing),
    };
    await sendFirstParts(path.half, 3);
    world().emulator.control.resetStats();

    // With a short minute, the quota hold is short too.
    const worker = await world().worker({ PART_CONCURRENCY: '4', VOD_QUOTA_WINDOW_MS: '4000' }).ready();
    const upload = async (file: string) => await (await world().uploads.add({ source: file })).result();
    expect((await upload(path.plain)).outcome).toBe('completed');
    inject({ action: 'UploadPart', effect: { kind: 'code', code: -10005, canRetry: 1 }, count: 2 });
    inject({ action: 'UploadPart', effect: { kind: 'http', status: 502 }, count: 1 });
    inject({ action: 'UploadPart', effect: { kind: 'reset', when: 'before' }, count: 1 });
    inject({ action: 'InitUpload', effect: { kind: 'code', code: 4400, canRetry: 0 }, count: 1 });
    expect((await upload(path.bumpy)).outcome).toBe('completed');
    expect(await upload(path.half)).toMatchObject({ outcome: 'completed', partsSkipped: 3 });
    expect((await upload(path.plain)).outcome).toBe('instant');
    inject({ action: 'UploadPart', effect: { kind: 'code', code: -10006, canRetry: 0 } });
    await expect(upload(path.failing)).rejects.toMatchObject({ code: '-10006' });
    const cancelled = await world().uploads.add({ source: path.plain, delay: 600_000 });
    expect(await world().uploads.cancel(cancelled.id)).toBe(true);
    // The last log line of these uploads.
    await worker.line(({ msg }) => msg === 'upload cancelled');

    const metrics = await worker.metrics();
    const value = (name: string, labels: Record<string, string> = {}) => sumOf(metrics, name, labels);
    const { requests, parts } = stats();

    for (const [outcome, count] of Object.entries({ completed: 3, instant: 1, failed: 1, cancelled: 1 })) {
      expect(value('vod_uploads_total', { outcome }), outcome).toBe(count);
      expect(value('vod_upload_duration_seconds_count', { outcome }), outcome).toBe(count);
    }
    // Exact numbers of parts and bytes.
    expect(parts.duplicates).toBe(0);
    expect(value('vod_parts_total', { outcome: 'ok' })).toBe(parts.accepted);
    expect(value('vod_part_duration_seconds_count', { outcome: 'ok' })).toBe(parts.accepted);
    const bytes = (disposition: string) => value('vod_upload_bytes_total', { disposition });
    expect(bytes('sent') + bytes('resent')).toBe(parts.bytes);
    expect(bytes('skipped_resume')).toBe(3 * 524288);
    expect(bytes('skipped_instant')).toBe(sizes.plain);
    expect(value('vod_hash_bytes_total')).toBe(2 * sizes.plain + sizes.bumpy + sizes.half + sizes.failing);
    expect(value('vod_hash_seconds_total')).toBeGreaterThan(0);

    // Requests by result.
    for (const action of ['InitUpload', 'UploadPart', 'FinishUpload'] as const) {
      expect(value('vod_api_request_duration_seconds_count', { action }), action).toBe(
        requests[action].total,
      );
      const { byResult } = requests[action];
      const ok = (byResult['0'] ?? 0) + (byResult['1'] ?? 0) + (byResult['2'] ?? 0);
      expect(value('vod_api_request_duration_seconds_count', { action, result: 'ok' }), action).toBe(ok);
    }
    const part = { action: 'UploadPart' };
    expect(value('vod_api_errors_total', { ...part, code: '-10005', retryable: 'true' })).toBe(2);
    expect(value('vod_api_errors_total', { ...part, code: '-10006', retryable: 'false' })).toBe(1);
    expect(value('vod_api_errors_total', { ...part, code: 'HTTP_5xx', retryable: 'true' })).toBe(1);
    expect(value('vod_api_errors_total', { ...part, code: 'NETWORK', retryable: 'true' })).toBe(1);
    expect(value('vod_api_errors_total', { action: 'InitUpload', code: '4400' })).toBe(1);
    expect(value('vod_retries_total', { stage: 'part', reason: 'vod' })).toBe(2);
    expect(value('vod_retries_total', { stage: 'part', reason: 'http_5xx' })).toBe(1);
    expect(value('vod_retries_total', { stage: 'part', reason: 'network' })).toBe(1);
    expect(value('vod_retries_total', { stage: 'init', reason: 'quota' })).toBe(1);
    expect(value('vod_retries_total')).toBe(5);
    expect(value('vod_parts_total', { outcome: 'failed' })).toBe(5);

    expect(value('vod_parts_in_flight')).toBe(0);
    expect(value('vod_part_slots')).toBe(4);
    for (const queue of ['vod-upload', 'vod-hash', 'vod-init', 'vod-part', 'vod-finish']) {
      expect(value('vod_worker_running', { queue }), queue).toBe(1);
    }
    expect(value('vod_jobs_stalled_total')).toBe(0);
    expect(value('vod_hold')).toBe(0);
    expect(value('vod_redis_connected')).toBe(1);
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    expect(value('vod_build_info', { version, revision: 'unknown' })).toBe(1);
    expect(value('nodejs_eventloop_lag_p99_seconds')).toBeGreaterThan(0);
  });

  it('show the stages of a worker, and none while it drains', async () => {
    const [worker] = await Promise.all([
      world().worker({}, ['--stages', 'hash,part']).ready(),
      world().worker({}, ['--stages', 'upload,init,finish']).ready(),
    ]);
    const running = async () =>
      (await worker.metrics())
        .filter(({ name, value }) => name === 'vod_worker_running' && value === 1)
        .map(({ labels }) => labels.queue);
    expect(await running()).toEqual(['vod-hash', 'vod-part']);
    const parts = gate({ action: 'UploadPart' });
    await world().uploads.add({ source: await source('draining.mp4', 100) });
    await parts.reached();
    worker.child.kill('SIGTERM');
    await worker.line(({ msg }) => msg === 'draining');
    expect(await running()).toEqual([]);
    parts.open();
    expect((await worker.exited).code).toBe(0);
  });
});

describe("a worker's health", () => {
  it('is alive without Redis, but only ready with it', async () => {
    const worker = await world().worker({ METRICS_HOST: '127.0.0.1' }).ready();
    const { statusUrl } = await worker.line(({ msg }) => msg === 'worker is ready');
    const get = async (path: string, method = 'GET') => await fetch(`${statusUrl}${path}`, { method });
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(200);
    expect((await get('/readyz', 'POST')).status).toBe(405);
    expect((await get('/')).status).toBe(404);
    const { redis } = world();
    if (redis === undefined) return;
    await redis.kill();
    await worker.line(({ msg }) => msg === 'redis is unreachable; waiting for it');
    // A connection that is reset reports the error before it counts as closed.
    const readiness = async () =>
      await get('/readyz').then(async (reply) => [reply.status, await reply.text()]);
    await expect.poll(readiness).toEqual([503, 'not connected to Redis\n']);
    expect((await get('/healthz')).status).toBe(200);
    expect(sumOf(await worker.metrics(), 'vod_redis_connected')).toBe(0);
    await redis.restart();
    await worker.line(({ msg }) => msg === 'redis is back');
    await expect.poll(async () => (await get('/readyz')).status).toBe(200);
  });

  it('has its own port per worker by default, and an error for a port in use', async () => {
    const urls = await Promise.all(
      [1, 2].map(async () => {
        const { statusUrl } = await world()
          .worker({ METRICS_PORT: '' })
          .line(({ msg }) => msg === 'worker is ready');
        expect((await fetch(`${statusUrl}/readyz`)).status).toBe(200);
        return statusUrl;
      }),
    );
    expect(urls[0]).not.toBe(urls[1]);
    const taken = world().worker({ METRICS_PORT: new URL(urls[0] as string).port });
    expect((await taken.exited).code).toBe(2);
    expect(taken.output).toContain('set METRICS_PORT to another port');
  });
});

/** Sends the first parts of a file in the small part size, like a client that was then killed. */
async function sendFirstParts(path: string, count: number): Promise<void> {
  const bytes = await readFile(path);
  const fileSha = await sha1Of(path);
  const vod = createVodClient({
    endpoint: world().emulator.url,
    credentials: { secretId: SECRET_ID, secretKey: SECRET_KEY },
  });
  const dataSize = 524288;
  await vod.initUpload({ fileName: 'half', fileType: 'mp4', fileSha, fileSize: bytes.length, dataSize });
  for (let offset = 0; offset < count * dataSize; offset += dataSize) {
    const body = bytes.subarray(offset, offset + dataSize);
    await vod.uploadPart({ fileSha, offset, dataMd5: createHash('md5').update(body).digest('hex'), body });
  }
  vod.close();
}
