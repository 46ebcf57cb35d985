import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { Upload } from '../../src/index.ts';
import { accountFingerprint } from '../../src/quota/accounts.ts';
import { isQueuesHeld, outcomes } from '../support/holds.ts';
import { withQueue } from '../support/seed.ts';
import { useWorld } from '../support/use-world.ts';
import { SECRET_ID } from '../support/world.ts';

const MIB = 1048576;

const { world, addUploads, inject, gate, stats } = useWorld();

/** With a single attempt, an upload fails as soon as an attempt is spent. */
const ONE_ATTEMPT = { PART_ATTEMPTS: '1' };

describe('HTTP 429', () => {
  it('holds the queue for Retry-After and spends no attempt', async () => {
    const effect = { kind: 'http', status: 429, headers: { 'Retry-After': '1' } } as const;
    for (const action of ['InitUpload', 'UploadPart', 'FinishUpload'] as const) inject({ action, effect });
    const worker = await world()
      .worker({ ...ONE_ATTEMPT, PART_CONCURRENCY: '1' })
      .ready();
    expect(await outcomes(await addUploads(1, 3 * MIB))).toEqual(['completed']);
    const { requests } = stats();
    expect(requests.InitUpload.byResult).toEqual({ 0: 1, 'http 429': 1 });
    expect(requests.UploadPart.byResult).toEqual({ 0: 3, 'http 429': 1 });
    expect(requests.FinishUpload.byResult).toEqual({ 0: 1, 'http 429': 1 });
    for (const stage of ['init', 'part', 'finish']) {
      expect(await worker.metric('vod_retries_total', { stage, reason: 'quota' })).toBe(1);
    }
    expect(worker.lines.filter(isQueuesHeld)).toEqual([]);
  });

  it('stops the waiting parts', async () => {
    const effect = { kind: 'http', status: 429, headers: { 'Retry-After': '600' } } as const;
    inject({ action: 'UploadPart', effect, share: 1 });
    const parts = gate({ action: 'UploadPart' });
    const worker = await world()
      .worker({ ...ONE_ATTEMPT, PART_CONCURRENCY: '2' })
      .ready();
    await addUploads(1, 20 * MIB);
    // Only these two parts are sent: then the queue is held, for at most 5 minutes.
    await parts.reached(2);
    parts.open();
    const held = async (): Promise<number> =>
      await withQueue(world(), (redis, key) => redis.pttl(key('vod-part:limiter')));
    await worker.line(
      ({ msg, stage, next }) => msg === 'attempt failed' && stage === 'part' && next === 'held',
    );
    await expect.poll(held).toBeGreaterThan(60_000);
    expect(await held()).toBeLessThanOrEqual(300_000);
    // Jobs fetched before the hold have ended, and no other starts.
    const active = (): Promise<number> =>
      withQueue(world(), (redis, key) => redis.llen(key('vod-part:active')));
    await expect.poll(active).toBe(0);
    expect(stats().requests.UploadPart.total).toBeLessThanOrEqual(4);
  });
});

describe('an error of a single request', () => {
  it.each([413, 414, 431])('HTTP %i fails its upload at once', async (status) => {
    inject({ action: 'InitUpload', effect: { kind: 'http', status } });
    await world().worker().ready();
    const [upload] = (await addUploads(1)) as [Upload];
    await expect(upload.result()).rejects.toMatchObject({ code: `HTTP_${status}`, retryable: false });
    expect(stats().requests.InitUpload.total).toBe(1);
    expect(await outcomes([await world().uploads.retry(upload.id)])).toEqual(['completed']);
  });

  it('a malformed reply spends attempts, even of the only upload', async () => {
    const worker = await world().worker({ PART_ATTEMPTS: '2' }).ready();
    inject({ action: 'UploadPart', effect: { kind: 'html' }, share: 1 });
    const [upload] = (await addUploads(1)) as [Upload];
    await expect(upload.result()).rejects.toMatchObject({ code: 'MALFORMED_REPLY', retryable: true });
    expect(worker.lines.filter(isQueuesHeld)).toEqual([]);
    expect(await worker.metric('vod_hold')).toBe(0);
  });
});

describe('workers with different SecretIds', () => {
  it('are reported by fingerprint only', async () => {
    const [other, otherId] = ['another0secret0id', accountFingerprint('another0secret0id')];
    const first = await world().worker().ready();
    const second = await world().worker({ VOD_SECRET_ID: other }).ready();
    const line = await second.line(({ msg }) => String(msg).startsWith('workers use different SecretIds'));
    expect(line).toMatchObject({
      level: 'error',
      own: { account: otherId, host: hostname(), pid: second.pid },
      other: { account: accountFingerprint(SECRET_ID), host: hostname(), pid: first.pid },
    });
    expect(await second.metric('vod_accounts')).toBe(2);
    const stored = await withQueue(
      world(),
      async (redis, key) => await redis.zrange(key('vod-accounts'), '0', '-1'),
    );
    expect(stored).toHaveLength(2);
    for (const secret of [other, SECRET_ID]) expect(stored.join()).not.toContain(secret);
    // A stopped worker is not reported.
    await second.end('SIGTERM');
    const third = await world().worker().ready();
    expect(await third.metric('vod_accounts')).toBe(1);
    expect(third.output).not.toContain('different SecretIds');
  });
});
