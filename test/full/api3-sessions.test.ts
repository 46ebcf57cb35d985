import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { PRIORITY, partPriority } from '../../src/queue/jobs/priority.ts';
import { connect } from '../support/consumer.ts';
import type { LogLine } from '../support/process.ts';
import { useWorld } from '../support/use-world.ts';
import { SECRET_KEY, SLOTS } from '../support/world.ts';

const MIB = 2 ** 20;
const PARTS = 20;

/** How far the service's clock is ahead. */
let aheadMs = 0;
const { world, source, inject, gate, stats, download } = useWorld({
  api: '2018-07-17',
  clock: () => Date.now() + aheadMs,
});
afterEach(() => {
  aheadMs = 0;
});

const expireSessions = (): void => world().emulator.control.setSessions({ expireAll: true });
const openUploads = () => stats().openUploads;
const isWarning = ({ level }: LogLine): boolean => level === 'warn';
const newFiles = (uploadId: string) =>
  stats().files.filter(({ media }) => media?.sourceContext.includes(uploadId));
const texts = async (uploadId: string): Promise<string[]> =>
  (await world().uploads.details(uploadId)).history.map(({ text }) => text);

describe('a session that is over', () => {
  it('begins anew once, with larger parts, one warning and nothing of the old session', async () => {
    const parts = gate({ action: 'UploadPart', after: 5 });
    const worker = await world().worker().ready();
    const path = await source('expired.mp4', PARTS * MIB);
    const upload = await world().uploads.add({ source: path, partSize: MIB });
    await parts.reached(SLOTS);
    const [old] = openUploads();
    expireSessions();
    // COS has checked the credentials of those that wait.
    parts.open();
    const result = await upload.result();
    const sent = 5 + SLOTS;
    expect(result).toMatchObject({
      outcome: 'completed',
      partsSent: sent + PARTS / 2,
      partsSkipped: 0,
      bytesSent: (sent + PARTS) * MIB,
    });
    expect((await download(result.url)).equals(await readFile(path))).toBe(true);
    expect(await upload.status()).toMatchObject({ attempt: 1 });
    const [stored, ...others] = newFiles(upload.id);
    expect(others).toEqual([]);
    expect(stored?.media?.key).not.toBe(old?.key);
    expect(stats().parts.byKey[stored?.media?.key ?? '']).toMatchObject({ accepted: 10, duplicates: 0 });
    const warnings = worker.lines.filter(isWarning);
    expect(warnings.map(({ what }) => what)).toEqual([
      expect.stringMatching(/^its session is over \[\w+\]; beginning anew$/),
    ]);
    expect((await texts(upload.id)).filter((text) => text.includes('beginning anew'))).toHaveLength(1);
    expect(stats().requests).toMatchObject({
      ApplyUpload: { total: 2 },
      CommitUpload: { byResult: { ok: 1 } },
    });
  });

  it('that expires soon takes no more parts, so that none is refused', async () => {
    const parts = gate({ action: 'UploadPart', after: 5 });
    await world().worker().ready();
    const path = await source('soon.mp4', PARTS * MIB);
    const upload = await world().uploads.add({ source: path, partSize: MIB });
    await parts.reached(SLOTS);
    aheadMs = (7200 - 30) * 1000;
    parts.open();
    const result = await upload.result();
    expect(result).toMatchObject({ outcome: 'completed', partsSent: 5 + SLOTS + PARTS / 2 });
    expect((await download(result.url)).equals(await readFile(path))).toBe(true);
    // Requests on their way when the clock was changed may be refused for that.
    const { RequestTimeTooSkewed: _, ...byResult } = stats().requests.UploadPart.byResult;
    expect(byResult).toEqual({ ok: 5 + SLOTS + PARTS / 2 });
    expect(newFiles(upload.id)).toHaveLength(1);
  });

  it('gets the parts of its upload before those of all others', async () => {
    const parts = gate({ action: 'UploadPart' });
    await world().worker({ PART_CONCURRENCY: '1' }).ready();
    const urgent = { source: await source('late.mp4', 6 * MIB), partSize: MIB, priority: PRIORITY.last };
    const upload = await world().uploads.add(urgent);
    await parts.reached();
    expireSessions();
    // The second part is refused, and no other is sent.
    parts.open(2);
    // The first part of the new session.
    await parts.reached();
    await expect.poll(() => stats().requests.ApplyUpload.total).toBe(2);
    const { part } = connect(world()).queues;
    await expect.poll(() => part.getJobCountByTypes('prioritized')).toBe(2);
    const priorities = (await part.getPrioritized()).map(({ opts }) => opts.priority);
    expect(priorities).toEqual([1, 2].map((index) => partPriority(PRIORITY.first, index)));
    parts.open();
    expect(await upload.result()).toMatchObject({ outcome: 'completed' });
  });

  it('takes no part of a worker that was frozen meanwhile', async () => {
    const parts = gate({ action: 'UploadPart' });
    const frozen = await world().worker({ PART_CONCURRENCY: '1' }).ready();
    const path = await source('frozen.mp4', 4 * MIB);
    const upload = await world().uploads.add({ source: path, partSize: MIB });
    await parts.reached();
    frozen.child.kill('SIGSTOP');
    await world().expireLocks();
    expireSessions();
    await world().worker({ PART_CONCURRENCY: '1' }).ready();
    // The part of the frozen worker, and the first of the new session.
    await parts.reached(2);
    frozen.child.kill('SIGCONT');
    parts.open();
    const result = await upload.result();
    expect(result).toMatchObject({ outcome: 'completed', partsSent: 2, bytesSent: 4 * MIB });
    expect((await download(result.url)).equals(await readFile(path))).toBe(true);
    expect(newFiles(upload.id)).toHaveLength(1);
  });

  it('because the key was replaced begins anew, on the worker that reads the new key', async () => {
    const parts = gate({ action: 'UploadPart', after: 3 });
    const keyFile = join(world().sources, '..', 'replaced-key');
    await writeFile(keyFile, SECRET_KEY);
    const worker = await world().worker({ VOD_SECRET_KEY: '', VOD_SECRET_KEY_FILE: keyFile }).ready();
    const path = await source('rotated.mp4', 8 * MIB);
    const upload = await world().uploads.add({ source: path, partSize: MIB });
    await parts.reached(5);
    const secretKey = 'another0key0of0the0account';
    await writeFile(`${keyFile}.new`, secretKey);
    await rename(`${keyFile}.new`, keyFile);
    await world().stopEmulator();
    await world().startEmulator({ secretKey });
    const result = await upload.result();
    expect(result).toMatchObject({ outcome: 'completed' });
    expect((await download(result.url)).equals(await readFile(path))).toBe(true);
    expect(newFiles(upload.id)).toHaveLength(1);
    const warnings = worker.lines.filter(
      ({ msg, level }) => level === 'warn' && msg === 'upload stage changed',
    );
    expect(warnings).toHaveLength(1);
    await world().stopEmulator();
    await world().startEmulator();
  });
});

describe('an upload that failed', () => {
  it('continues its session when it is retried, and sends only what COS does not have', async () => {
    inject({
      action: 'UploadPart',
      partNumber: 3,
      effect: { kind: 'error', code: 'InternalError' },
      share: 1,
    });
    const worker = await world().worker({ PART_ATTEMPTS: '2' }).ready();
    const path = await source('retried.mp4', 6 * MIB);
    const upload = await world().uploads.add({ source: path, partSize: MIB });
    await expect(upload.result()).rejects.toMatchObject({ code: 'InternalError', retryable: true });
    await expect.poll(() => worker.metric('vod_worker_busy', { queue: 'vod-part' })).toBe(0);
    const [open] = openUploads().slice(-1);
    world().emulator.control.clearFaults();
    world().emulator.control.resetStats();
    const result = await (await world().uploads.retry(upload.id)).result();
    expect(result).toMatchObject({ outcome: 'completed', partsSent: 6 - (open?.parts ?? 0) });
    expect(result.partsSkipped).toBe(open?.parts);
    expect((await download(result.url)).equals(await readFile(path))).toBe(true);
    expect(stats().requests).toMatchObject({
      ApplyUpload: { total: 0 },
      InitiateMultipartUpload: { total: 0 },
    });
    expect(stats().parts).toMatchObject({ accepted: result.partsSent, duplicates: 0 });
    expect(newFiles(upload.id)[0]?.media?.key).toBe(open?.key);
  });

  it('for good leaves nothing in the bucket', async () => {
    const last = gate({ action: 'UploadPart' });
    inject({ action: 'UploadPart', partNumber: 3, effect: { kind: 'error', code: 'EntityTooLarge' } });
    await world().worker().ready();
    const before = openUploads().length;
    const path = await source('refused.mp4', 4 * MIB);
    const upload = await world().uploads.add({ source: path, partSize: MIB });
    await last.reached(4);
    expect(openUploads()).toHaveLength(before + 1);
    last.open();
    await expect(upload.result()).rejects.toMatchObject({ code: 'EntityTooLarge', retryable: false });
    await expect.poll(() => openUploads()).toHaveLength(before);
    // The reply is counted after the effect.
    await expect.poll(() => stats().requests.AbortMultipartUpload.byResult).toEqual({ ok: 1 });
    const { finish } = connect(world()).queues;
    await expect.poll(() => finish.getJobCountByTypes('active', 'wait', 'prioritized', 'delayed')).toBe(0);
    expect(await finish.getJobCountByTypes('failed')).toBe(0);
  });

  it('because it was cancelled leaves nothing in the bucket', async () => {
    const parts = gate({ action: 'UploadPart', after: 1 });
    await world().worker().ready();
    const before = openUploads().length;
    const upload = await world().uploads.add({
      source: await source('cancelled.mp4', 4 * MIB),
      partSize: MIB,
    });
    await parts.reached(3);
    expect(openUploads()).toHaveLength(before + 1);
    expect(await world().uploads.cancel(upload.id)).toBe(true);
    await expect(upload.result()).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect.poll(() => openUploads()).toHaveLength(before);
    expect(newFiles(upload.id)).toEqual([]);
  });
});
