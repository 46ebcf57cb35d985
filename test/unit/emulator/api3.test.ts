import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { api3CallerOf, apply, cosCallerOf, uploadParts } from './api3-support.ts';
import { start } from './support.ts';

const MIB = 1024 * 1024;

describe('an upload by API 3.0', () => {
  it('is a session, parts in the bucket, and a commit; the video plays', async () => {
    const emulator = await start();
    const call = api3CallerOf(emulator);
    const applied = await apply(call, { SourceContext: 'upload-1', StorageRegion: 'ap-chongqing' });
    expect(applied).toMatchObject({ StorageRegion: 'ap-chongqing', CoverStoragePath: null });
    const cos = cosCallerOf(emulator, applied);
    const parts = [randomBytes(MIB), randomBytes(MIB), randomBytes(1000)];
    const completed = await uploadParts(cos, parts);
    expect(completed).toMatchObject({ status: 200, text: expect.stringContaining('<ETag>') });
    const head = await cos('HEAD');
    expect(head.headers).toMatchObject({ 'content-length': String(2 * MIB + 1000) });

    const { json } = await call('CommitUpload', { VodSessionKey: applied.VodSessionKey });
    expect(json.FileId).toMatch(/^\d{19}$/);
    const played = await fetch(json.MediaUrl);
    expect(Buffer.from(await played.arrayBuffer()).equals(Buffer.concat(parts))).toBe(true);
    const range = await fetch(json.MediaUrl, { headers: { range: `bytes=${MIB - 2}-${MIB + 1}` } });
    expect(Buffer.from(await range.arrayBuffer())).toEqual(Buffer.concat(parts).subarray(MIB - 2, MIB + 2));
    const stats = emulator.control.stats();
    expect(stats.files).toMatchObject([
      { fileId: json.FileId, name: 'clip', size: 2 * MIB + 1000, media: { sourceContext: 'upload-1' } },
    ]);
    expect(stats.files[0]?.media?.crc64).toBe(head.headers['x-cos-hash-crc64ecma']);
    expect(stats.requests.CommitUpload).toEqual({ total: 1, byResult: { ok: 1 } });
    expect(stats.parts).toMatchObject({ accepted: 3, duplicates: 0, bytes: 2 * MIB + 1000 });
    expect(stats.openUploads).toEqual([]);
  });

  it('emits an event that is pulled and confirmed', async () => {
    const emulator = await start({ quotaWindowMs: 600 });
    const call = api3CallerOf(emulator);
    const applied = await apply(call, { SourceContext: 'upload-1', Procedure: 'flow', SessionContext: 's' });
    await cosCallerOf(emulator, applied)('PUT', { body: Buffer.from('video') });
    const commit = await call('CommitUpload', { VodSessionKey: applied.VodSessionKey });
    const { FileId } = commit.json;
    const { json } = await call('PullEvents');
    const [event] = json.EventSet;
    expect(event).toMatchObject({
      EventType: 'NewFileUpload',
      FileUploadEvent: {
        FileId,
        MediaBasicInfo: {
          MediaUrl: commit.json.MediaUrl,
          Name: 'clip',
          SourceInfo: { SourceType: 'Upload', SourceContext: 'upload-1' },
        },
        ProcedureTaskId: expect.stringMatching(/^procedurev2-/),
      },
      ProcedureStateChangeEvent: null,
    });
    await call('ConfirmEvents', { EventHandles: [event.EventHandle] });
    expect(emulator.control.stats().events.confirmed).toBe(1);
  });
});
