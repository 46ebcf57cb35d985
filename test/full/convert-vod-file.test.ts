import { describe, expect, it } from 'vitest';
import { ALL, HOURS, useTranscodings, waitFor } from '../support/use-transcodings.ts';

const { world, source, inject, add, emitTranscoded, converts } = useTranscodings();

describe('ConvertVodFile', () => {
  it('is retried after temporary errors, and later when the file is not ready', async () => {
    const worker = world().worker({}, ALL);
    for (const code of [1, 1001, 10_009, 2000]) {
      inject({ action: 'ConvertVodFile', effect: { kind: 'code', code, canRetry: 0 } });
    }
    inject({ action: 'ConvertVodFile', effect: { kind: 'http', status: 502 } });
    const upload = await add('passes.mp4', waitFor);
    expect((await upload.result()).outcome).toBe('completed');
    const byResult = { 1: 1, 1001: 1, 10009: 1, 2000: 1, 'http 502': 1, 0: 1 };
    expect(converts()).toEqual({ total: 6, byResult });
    await worker.line(({ msg }) => msg === 'upload completed');
    const failed = worker.lines.filter(({ msg, stage }) => msg === 'attempt failed' && stage === 'transcode');
    expect(failed.map(({ code }) => code)).toEqual(['1', '1001', '10009', '2000', 'HTTP_502']);
  });

  it('counts as done when its reply was lost and the file is being transcoded', async () => {
    world().worker({}, ALL);
    inject({ action: 'ConvertVodFile', effect: { kind: 'reset', when: 'after' } });
    inject(HOURS);
    const upload = await add('reply-lost.mp4', waitFor);
    await expect.poll(converts).toEqual({ total: 2, byResult: { reset: 1, 10009: 1 } });
    emitTranscoded('reply-lost');
    expect((await upload.result()).outcome).toBe('completed');
    expect(converts().total).toBe(2);
  });

  it('counts as done when its worker was killed and the file is being transcoded', async () => {
    const victim = world().worker({}, ALL);
    inject({ action: 'ConvertVodFile', effect: { kind: 'hang', when: 'after' } });
    inject(HOURS);
    const upload = await add('killed.mp4', waitFor);
    await expect.poll(() => converts().byResult.hang).toBe(1);
    await victim.end('SIGKILL');
    await world().expireLocks();
    world().worker({}, ALL);
    await expect.poll(converts).toEqual({ total: 2, byResult: { hang: 1, 10009: 1 } });
    emitTranscoded('killed');
    expect((await upload.result()).outcome).toBe('completed');
  });

  it('stays within its quota', async () => {
    // One request a day.
    const quota = { VOD_QUOTA_TRANSCODE_PER_MINUTE: '1', VOD_QUOTA_WINDOW_MS: '86400000' };
    const replicas = await Promise.all([1, 2].map(() => world().worker(quota).ready()));
    const uploads = await Promise.all([0, 1, 2].map((n) => add(`quota-${n}.mp4`)));
    for (const upload of uploads) await upload.result();
    await expect.poll(() => converts().byResult).toEqual({ 0: 1 });
    // Otherwise the end of the test would wait for the transcodings.
    for (const { code } of await Promise.all(replicas.map((replica) => replica.end('SIGTERM'))))
      expect(code).toBe(0);
    expect(converts().total).toBe(1);
    world().worker();
    await expect.poll(() => converts().byResult).toEqual({ 0: 3 });
  });

  it('waits while its host is unavailable, and lets uploads continue', async () => {
    const gone = { VOD_EVENT_ENDPOINT: 'http://127.0.0.1:9/v2/index.php' };
    const worker = world().worker(gone);
    const [first] = await Promise.all(Array.from({ length: 8 }, (_, n) => add(`out-${n}.mp4`, waitFor)));
    await worker.line(({ msg }) => msg === 'vod does not answer; queues are held and probed');
    const upload = await world().uploads.add({ source: await source('other.mp4', 10) });
    expect((await upload.result()).outcome).toBe('completed');
    expect((await upload.status()).progress.hold).toBeUndefined();
    await worker.end('SIGTERM');
    world().worker({}, ALL);
    expect((await first?.result())?.outcome).toBe('completed');
  });
});
