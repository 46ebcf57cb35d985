import { describe, expect, it } from 'vitest';
import type { Upload } from '../../src/index.ts';
import { CliProcess } from '../support/cli-process.ts';
import { withQueue } from '../support/seed.ts';
import { ALL, HOURS, useTranscodings, waitFor } from '../support/use-transcodings.ts';

const { world, source, inject, stats, add, emitTranscoded, converts } = useTranscodings();

/** Makes the next attempt wait for the transcoding without a timeout. */
async function giveTime({ id }: Upload): Promise<void> {
  await withQueue(world(), async (redis, key) => {
    const job = key(`vod-upload:${id}`);
    const { transcoding, ...data } = JSON.parse((await redis.hget(job, 'data')) ?? '');
    const patient = { ...data, transcoding: { ...transcoding, timeoutMs: 86_400_000 } };
    await redis.hset(job, 'data', JSON.stringify(patient));
  });
}

describe('transcoding after the upload', () => {
  it('completes the upload at the TranscodeComplete event', async () => {
    inject(HOURS);
    const worker = world().worker({}, ALL);
    const upload = await add('waits.mp4', waitFor);
    const stages: string[] = [];
    let toldMs = 0;
    for await (const { stage } of upload.progress()) {
      if (stages.at(-1) === stage) continue;
      stages.push(stage);
      if (stage !== 'transcoding') continue;
      await expect.poll(() => converts().byResult[0]).toBe(1);
      toldMs = Date.now();
      emitTranscoded('waits');
    }
    const result = await upload.result();
    expect(result.outcome).toBe('completed');
    // The event also has the duration.
    const { createdAt } = await upload.status();
    expect(result.durationMs).toBeGreaterThanOrEqual(toldMs - createdAt.getTime());
    expect(stages.slice(-2)).toEqual(['transcoding', 'completed']);
    expect((await upload.events()).map(({ event }) => event.eventType)).toContain('TranscodeComplete');
    expect(converts()).toEqual({ total: 1, byResult: { 0: 1 } });
    await worker.line(({ msg }) => msg === 'upload completed');
    const told = worker.lines.filter(({ msg }) => msg === 'upload stage changed').map(({ stage }) => stage);
    expect(told).toEqual(['hashing', 'initializing', 'uploading', 'finishing', 'transcoding']);
  });

  it('is started also when VOD had the file before', async () => {
    world().worker({}, ALL);
    const path = await source('instant.mp4', 1000);
    const first = await world().uploads.add({ source: path });
    const { fileId } = await first.result();
    const options = { source: path, transcode: 'after', ...waitFor } as const;
    const both = await Promise.all([world().uploads.add(options), world().uploads.add(options)]);
    for (const upload of both) expect(await upload.result()).toMatchObject({ outcome: 'instant', fileId });
    expect(converts().byResult[0]).toBe(2);
  });

  it('is started once when the reply to FinishUpload was lost and InitUpload is sent again', async () => {
    world().worker({}, ALL);
    inject({ action: 'FinishUpload', effect: { kind: 'reset', when: 'after' } });
    const upload = await add('again.mp4', waitFor);
    await upload.result();
    expect(stats().requests.InitUpload.total).toBe(2);
    expect(converts()).toEqual({ total: 1, byResult: { 0: 1 } });
  });

  it('does not delay an upload that does not wait for it', async () => {
    world().worker();
    inject({ action: 'ConvertVodFile', effect: { kind: 'code', code: 2000, canRetry: 0 } });
    const upload = await add('goes-on.mp4', { screenshot: true });
    expect((await upload.result()).outcome).toBe('completed');
    await expect.poll(converts).toEqual({ total: 2, byResult: { 2000: 1, 0: 1 } });
    const file = stats().files.find(({ name }) => name === 'goes-on');
    expect(file).toMatchObject({ isTranscode: false, isScreenshot: false });
  });

  it('lets uploads of the same content complete, and uses no slot meanwhile', async () => {
    inject({ action: 'TranscodeComplete', effect: { kind: 'lost' }, share: 1 });
    world().worker({}, ALL);
    const waiting = await Promise.all(Array.from({ length: 12 }, (_, n) => add(`waits-${n}.mp4`, waitFor)));
    await expect.poll(() => converts().byResult[0]).toBe(12);
    const same = await world().uploads.add({ source: `${world().sources}/waits-0.mp4` });
    expect((await same.result()).outcome).toBe('instant');
    for (const upload of waiting) expect((await upload.status()).state).toBe('transcoding');
    const [first] = waiting;
    expect(await world().uploads.cancel(first?.id ?? '')).toBe(true);
  });
});

describe('a transcoding that fails', () => {
  it('fails the upload when no event comes in time; a retry uses an event that came later', async () => {
    world().worker();
    const upload = await add('late.mp4', { ...waitFor, transcodeTimeoutMs: 100 });
    const error = await upload.result().catch((failure) => failure);
    expect(error).toMatchObject({ code: 'TRANSCODE_TIMEOUT', retryable: true });
    const { fileId = '' } = stats().files.find(({ name }) => name === 'late') ?? {};
    expect(error.message).toMatch(new RegExp(`fileId ${fileId}, .*within 0\\.10 s.*--stages events`));
    world().worker({}, ['--stages', 'events']);
    await expect
      .poll(async () => (await upload.events()).map(({ event }) => event.eventType))
      .toContain('TranscodeComplete');
    const { requests } = stats();
    await world().uploads.retry(upload.id);
    expect(await upload.result()).toMatchObject({ outcome: 'completed', fileId });
    expect((await upload.status()).attempt).toBe(2);
    expect(stats().requests).toMatchObject({
      InitUpload: requests.InitUpload,
      UploadPart: requests.UploadPart,
      FinishUpload: requests.FinishUpload,
      ConvertVodFile: { total: 1 },
    });
  });

  it('is started again by a retry when its event was lost', async () => {
    world().worker({}, ALL);
    inject({ action: 'TranscodeComplete', effect: { kind: 'lost' } });
    const upload = await add('lost.mp4', { ...waitFor, transcodeTimeoutMs: 100 });
    await expect(upload.result()).rejects.toMatchObject({ code: 'TRANSCODE_TIMEOUT' });
    await giveTime(upload);
    await world().uploads.retry(upload.id);
    expect((await upload.result()).outcome).toBe('completed');
    expect(converts()).toEqual({ total: 2, byResult: { 0: 2 } });
    expect(stats().requests).toMatchObject({ InitUpload: { total: 1 }, UploadPart: { total: 1 } });
  });

  it('fails the upload when VOD reports an error or refuses it permanently', async () => {
    world().worker({}, ALL);
    const effect = { kind: 'code', code: 70000, canRetry: 0, message: 'no video in it' } as const;
    inject({ action: 'TranscodeComplete', effect });
    const impossible = await add('no-video.mp4', waitFor);
    await expect(impossible.result()).rejects.toMatchObject({
      code: 'TRANSCODE_FAILED',
      retryable: false,
      message: expect.stringMatching(/VOD has the video as fileId \d+, .*status 70000: no video in it/),
    });
    inject({ action: 'ConvertVodFile', effect: { kind: 'code', code: 1000, canRetry: 0 } });
    const refused = await add('refused.mp4', waitFor);
    await expect(refused.result()).rejects.toMatchObject({
      code: '1000',
      retryable: false,
      message: expect.stringMatching(
        /VOD has the video as fileId \d+, .*ConvertVodFile refused with code 1000/,
      ),
    });
    expect(converts()).toEqual({ total: 2, byResult: { 0: 1, 1000: 1 } });
  });
});

describe('vod-upload', () => {
  const cli = (...args: string[]) =>
    new CliProcess(args, {
      env: { REDIS_URL: world().redisUrl, QUEUE_PREFIX: world().prefix, SOURCE_ROOTS: world().sources },
      cwd: world().sources,
    }).ended;

  it('transcode works for any video in VOD, and prints an error', async () => {
    world().worker();
    const { fileId } = await (await world().uploads.add({ source: await source('any.mp4', 10) })).result();
    const [begun, unknown, wrong] = await Promise.all([
      cli('transcode', fileId, '--screenshot', '--wait', '--json'),
      cli('transcode', '12345678901234567890', '--wait'),
      cli('transcode', 'any.mp4'),
    ]);
    expect(begun).toMatchObject({ exitCode: 0, stderr: '' });
    expect(JSON.parse(begun.stdout)).toEqual({
      id: expect.stringMatching(/^t/),
      ...{ fileId, outcome: 'begun', vodTaskId: expect.stringMatching(/^transcode-/) },
    });
    expect(unknown).toMatchObject({ exitCode: 1, stdout: '' });
    expect(unknown.stderr).toMatch(
      /^vod-upload: ConvertVodFile refused with code 1000 .*12345678901234567890/,
    );
    expect(wrong).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('fileId must be the video'),
    });
    expect(stats().events.emitted).toMatchObject({ TranscodeComplete: 1 });
  });

  it('add --wait-for transcoded waits for the transcoding', async () => {
    world().worker({}, ALL);
    await source('by-command.mp4', 10);
    const options = ['--transcode-after', '--wait-for', 'transcoded', '--transcode-timeout', '2h'];
    const { exitCode, stdout } = await cli('add', 'by-command.mp4', ...options, '--wait', '--json');
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([0, { outcome: 'completed' }]);
    expect(converts().byResult).toEqual({ 0: 1 });
  });
});
