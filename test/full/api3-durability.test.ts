import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../src/emulator/server.ts';
import type { Upload } from '../../src/index.ts';
import { useWorld } from '../support/use-world.ts';

const MIB = 2 ** 20;
const PARTS = 3;

const { world, source, inject, stats, download } = useWorld({ api: '2018-07-17' });

const videosOf = ({ id }: Upload) =>
  stats().files.filter(({ media }) => media?.sourceContext.split(' ').includes(id));

/** Expects that an upload completes, and that VOD has its file as one video. */
async function expectOneVideo(upload: Upload, path: string, what: string): Promise<void> {
  const result = await upload.result();
  expect(result, what).toMatchObject({ outcome: 'completed' });
  expect(await upload.status(), what).toMatchObject({ attempt: 1 });
  const videos = videosOf(upload);
  expect(videos, what).toHaveLength(1);
  expect(videos[0]?.fileId, what).toBe(result.fileId);
  expect((await download(result.url)).equals(await readFile(path)), what).toBe(true);
}

describe('a worker that is killed when VOD has done its request, and has not replied', () => {
  it.each([
    ...(['ApplyUpload', 'InitiateMultipartUpload', 'UploadPart', 'ListParts'] as const),
    ...(['CompleteMultipartUpload', 'HeadObject', 'CommitUpload'] as const),
  ])('to %s: another one completes the upload as one video', async (action) => {
    const first = await world().worker({ PART_CONCURRENCY: '1' }).ready();
    inject({ action, effect: { kind: 'hang', when: 'after' } });
    const path = await source(`killed-${action}.mp4`, (PARTS - 1) * MIB + 7);
    const upload = await world().uploads.add({ source: path, partSize: MIB });
    await expect.poll(() => stats().requests[action].byResult.hang).toBe(1);
    await first.end('SIGKILL');
    await world().expireLocks();
    await world().worker().ready();
    await expectOneVideo(upload, path, action);
    expect((await upload.result()).partsSent).toBe(PARTS);
    // Only the part whose reply is missing is sent again.
    const repeated = action === 'UploadPart' ? 1 : 0;
    expect(stats().parts).toMatchObject({ accepted: PARTS + repeated, duplicates: repeated });
    const applied = action === 'ApplyUpload' ? 2 : 1;
    expect(stats().requests.ApplyUpload.total).toBe(applied);
  });

  it('to PutObject: another one completes the upload as one video', async () => {
    const first = await world().worker().ready();
    inject({ action: 'PutObject', effect: { kind: 'hang', when: 'after' } });
    const path = await source('killed-small.mp4', 1000);
    const upload = await world().uploads.add({ source: path });
    await expect.poll(() => stats().requests.PutObject.byResult.hang).toBe(1);
    await first.end('SIGKILL');
    await world().expireLocks();
    await world().worker().ready();
    await expectOneVideo(upload, path, 'PutObject');
    expect(stats().requests.ApplyUpload.total).toBe(1);
  });
});

const API_EFFECTS: readonly Fault['effect'][] = [
  { kind: 'reset', when: 'before' },
  { kind: 'reset', when: 'after' },
  { kind: 'http', status: 502 },
  { kind: 'html' },
  { kind: 'error', code: 'InternalError' },
];
const COS_EFFECTS: readonly Fault['effect'][] = [
  { kind: 'reset', when: 'before' },
  { kind: 'reset', when: 'after' },
  { kind: 'error', code: 'InternalError' },
  { kind: 'error', code: 'InternalError', when: 'after' },
  { kind: 'error', code: 'SlowDown' },
  { kind: 'error', code: 'RequestTimeout', status: 400 },
];
const OK_WITH_ERROR: readonly Fault['effect'][] = [
  { kind: 'error', code: 'InternalError', status: 200 },
  { kind: 'error', code: 'InternalError', status: 200, when: 'after' },
  { kind: 'truncated' },
];
const CASES = {
  ApplyUpload: API_EFFECTS,
  InitiateMultipartUpload: COS_EFFECTS,
  UploadPart: COS_EFFECTS,
  ListParts: COS_EFFECTS,
  CompleteMultipartUpload: [...COS_EFFECTS, ...OK_WITH_ERROR],
  HeadObject: COS_EFFECTS,
  CommitUpload: API_EFFECTS,
} as const;

describe('a reply that is lost, or an error that passes', () => {
  it.each(Object.keys(CASES) as (keyof typeof CASES)[])(
    'to %s leaves one video with the right bytes',
    async (action) => {
      await world().worker().ready();
      for (const [index, effect] of CASES[action].entries()) {
        const what = `${action} ${JSON.stringify(effect)}`;
        const path = await source(`lost-${action}-${index}.mp4`, MIB + 5);
        world().emulator.control.resetStats();
        inject({ action, effect });
        const upload = await world().uploads.add({ source: path, partSize: MIB });
        await expectOneVideo(upload, path, what);
        expect(stats().faultsUsed[effect.kind], what).toBe(1);
        // No session is given up.
        expect(stats().requests.ApplyUpload.total, what).toBe(action === 'ApplyUpload' ? 2 : 1);
      }
    },
  );

  it('to PutObject leaves one video with the right bytes', async () => {
    await world().worker().ready();
    for (const [index, effect] of COS_EFFECTS.entries()) {
      const path = await source(`lost-small-${index}.mp4`, 1000 + index);
      inject({ action: 'PutObject', effect });
      const upload = await world().uploads.add({ source: path });
      await expectOneVideo(upload, path, JSON.stringify(effect));
    }
  });
});

describe('bytes that are damaged in the bucket', () => {
  it('of a part are found before Complete, and only that part is sent again', async () => {
    inject({ action: 'UploadPart', partNumber: 3, effect: { kind: 'damage' } });
    const worker = await world().worker().ready();
    const path = await source('damaged.mp4', 5 * MIB + 7);
    const upload = await world().uploads.add({ source: path, partSize: MIB });
    await expectOneVideo(upload, path, 'damaged part');
    expect(await upload.result()).toMatchObject({ partsSent: 7, partsSkipped: 0, bytesSent: 6 * MIB + 7 });
    const { requests, parts } = stats();
    expect(parts).toMatchObject({ accepted: 7, duplicates: 0 });
    expect(requests).toMatchObject({ ApplyUpload: { total: 1 }, CompleteMultipartUpload: { total: 1 } });
    const { history } = await world().uploads.details(upload.id);
    expect(history.map(({ text }) => text)).toContain(
      'sending 0 of 6 parts, 0 bytes; comparing 6 that VOD has with the file',
    );
    expect(await worker.metric('vod_parts_total', { outcome: 'skipped' })).toBe(5);
  });

  it('of a small file are found before CommitUpload, and the upload begins anew', async () => {
    inject({ action: 'PutObject', effect: { kind: 'damage' } });
    await world().worker().ready();
    const path = await source('damaged-small.mp4', 70_000);
    const upload = await world().uploads.add({ source: path });
    await expectOneVideo(upload, path, 'damaged object');
    expect(stats().requests).toMatchObject({ PutObject: { total: 2 }, ApplyUpload: { total: 2 } });
    expect(stats().requests.CommitUpload.byResult.ok).toBe(1);
  });
});
