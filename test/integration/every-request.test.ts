import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import type { Upload } from '../../src/index.ts';
import { accountFingerprint } from '../../src/quota/accounts.ts';
import { outcomes, saysQueuesHeld } from '../support/holds.ts';
import { withQueue } from '../support/seed.ts';
import { useWorld } from '../support/use-world.ts';
import { SECRET_ID } from '../support/world.ts';

const MIB = 1048576;

const { world, source, inject, gate, stats } = useWorld();

let batch = 0;
async function add(count: number, size = 1000): Promise<Upload[]> {
  batch++;
  const paths = await Promise.all(
    [...Array(count).keys()].map((index) => source(`batch${batch}-${index}.mp4`, size)),
  );
  return await world().uploads.addMany(paths.map((path) => ({ source: path })));
}

/** With one attempt for everything, whatever is spent fails its upload. */
const ONE_ATTEMPT = { PART_ATTEMPTS: '1' };

describe('HTTP 429', () => {
  it('holds the queue as long as Retry-After says, and spends no attempt', async () => {
    const effect = { kind: 'http', status: 429, headers: { 'Retry-After': '1' } } as const;
    for (const action of ['InitUpload', 'UploadPart', 'FinishUpload'] as const) inject({ action, effect });
    const worker = await world()
      .worker({ ...ONE_ATTEMPT, PART_CONCURRENCY: '1' })
      .ready();
    expect(await outcomes(await add(1, 3 * MIB))).toEqual(['completed']);
    const { requests } = stats();
    expect(requests.InitUpload.byResult).toEqual({ 0: 1, 'http 429': 1 });
    expect(requests.UploadPart.byResult).toEqual({ 0: 3, 'http 429': 1 });
    expect(requests.FinishUpload.byResult).toEqual({ 0: 1, 'http 429': 1 });
    for (const stage of ['init', 'part', 'finish']) {
      expect(await worker.metric('vod_retries_total', { stage, reason: 'quota' })).toBe(1);
    }
    expect(worker.lines.filter(saysQueuesHeld)).toEqual([]);
  });

  it('is not hammered by the parts that wait', async () => {
    const effect = { kind: 'http', status: 429, headers: { 'Retry-After': '600' } } as const;
    inject({ action: 'UploadPart', effect, share: 1 });
    const parts = gate({ action: 'UploadPart' });
    const worker = await world()
      .worker({ ...ONE_ATTEMPT, PART_CONCURRENCY: '2' })
      .ready();
    await add(1, 20 * MIB);
    // Those are on their way, and no other: the queue is held, for 5 minutes at most.
    await parts.reached(2);
    parts.open();
    const held = async (): Promise<number> =>
      await withQueue(world(), (redis, key) => redis.pttl(key('vod-part:limiter')));
    await worker.line(
      ({ msg, stage, next }) => msg === 'attempt failed' && stage === 'part' && next === 'held',
    );
    await expect.poll(held).toBeGreaterThan(60_000);
    expect(await held()).toBeLessThanOrEqual(300_000);
    // What had been fetched before has ended, and nothing begins.
    const active = (): Promise<number> =>
      withQueue(world(), (redis, key) => redis.llen(key('vod-part:active')));
    await expect.poll(active).toBe(0);
    expect(stats().requests.UploadPart.total).toBeLessThanOrEqual(4);
  });
});

describe('what is the trouble of one request', () => {
  it.each([413, 414, 431])('HTTP %i fails its upload at once', async (status) => {
    inject({ action: 'InitUpload', effect: { kind: 'http', status } });
    await world().worker().ready();
    const [upload] = (await add(1)) as [Upload];
    await expect(upload.result()).rejects.toMatchObject({ code: `HTTP_${status}`, retryable: false });
    expect(stats().requests.InitUpload.total).toBe(1);
    expect(await outcomes([await world().uploads.retry(upload.id)])).toEqual(['completed']);
  });

  it('a reply that makes no sense spends its attempts, be it the only request that there is', async () => {
    const worker = await world().worker({ PART_ATTEMPTS: '2' }).ready();
    inject({ action: 'UploadPart', effect: { kind: 'html' }, share: 1 });
    const [upload] = (await add(1)) as [Upload];
    await expect(upload.result()).rejects.toMatchObject({ code: 'MALFORMED_REPLY', retryable: true });
    expect(worker.lines.filter(saysQueuesHeld)).toEqual([]);
    expect(await worker.metric('vod_hold')).toBe(0);
  });
});

describe('workers with different SecretIds', () => {
  it('are told apart, by a fingerprint and nothing else', async () => {
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
    // Who has gone is not told of.
    await second.end('SIGTERM');
    const third = await world().worker().ready();
    expect(await third.metric('vod_accounts')).toBe(1);
    expect(third.output).not.toContain('different SecretIds');
  });
});
