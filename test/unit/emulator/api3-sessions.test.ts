import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Emulator } from '../../../src/emulator/server.ts';
import {
  type Api3Call,
  api3CallerOf,
  apply,
  completeXml,
  cosCallerOf,
  element,
  uploadParts,
} from './api3-support.ts';
import { HeldTime } from './held-time.ts';
import { callerOf, start, temporaryDirectory, uploadAll, videoOf } from './support.ts';

const MIB = 1024 * 1024;

/** Stores a video of 5 bytes. @returns the fields of CommitUpload's reply, and the session's key */
async function storeVideo(emulator: Emulator, call: Api3Call, params: object = {}, clock = Date.now) {
  const applied = await apply(call, params);
  await cosCallerOf(emulator, applied, clock)('PUT', { body: Buffer.from('video') });
  const { json } = await call('CommitUpload', { VodSessionKey: applied.VodSessionKey });
  return { ...json, VodSessionKey: applied.VodSessionKey };
}

describe('CommitUpload', () => {
  it('needs the object', async () => {
    const call = api3CallerOf(await start());
    const { VodSessionKey } = await apply(call);
    expect((await call('CommitUpload', { VodSessionKey })).json.Error.Code).toBe('ResourceNotFound');
  });

  it('a second time is an error, or has the same answer', async () => {
    for (const secondCommit of ['error', 'same'] as const) {
      const emulator = await start({ secondCommit });
      const call = api3CallerOf(emulator);
      const { VodSessionKey, FileId } = await storeVideo(emulator, call);
      const { json } = await call('CommitUpload', { VodSessionKey });
      if (secondCommit === 'same') expect(json).toMatchObject({ FileId, CoverUrl: '' });
      else expect(json.Error.Code).toBe('InvalidParameterValue.VodSessionKey');
      expect(emulator.control.stats().files).toHaveLength(1);
    }
  });

  it('gives every session a video of its own, whatever its content', async () => {
    const emulator = await start();
    const call = api3CallerOf(emulator);
    const first = await storeVideo(emulator, call);
    expect((await storeVideo(emulator, call)).FileId).not.toBe(first.FileId);
  });

  it('has the cover that was sent', async () => {
    const emulator = await start();
    const call = api3CallerOf(emulator);
    const applied = await apply(call, { CoverType: 'png' });
    const cos = cosCallerOf(emulator, applied);
    await cos('PUT', { body: Buffer.from('video') });
    await cos('PUT', { body: Buffer.from('cover'), path: applied.CoverStoragePath ?? '' });
    const { json } = await call('CommitUpload', { VodSessionKey: applied.VodSessionKey });
    expect(json.CoverUrl).toMatch(/cover\.png$/);
    expect(await (await fetch(json.CoverUrl)).text()).toBe('cover');
    expect(emulator.control.stats().files[0]?.media?.coverUrl).toBe(json.CoverUrl);
  });

  it('stores under the path of an application in path mode', async () => {
    const call = api3CallerOf(await start({ pathMode: true }));
    const applied = await apply(call, { MediaStoragePath: '/a/b.mp4' });
    expect(applied.MediaStoragePath).toBe('/a/b.mp4');
  });
});

describe('descriptions of videos', () => {
  it('DescribeMediaInfos tells which videos exist, those of v2 too', async () => {
    const emulator = await start();
    const call = api3CallerOf(emulator);
    const params = { SourceContext: 'upload-1', ClassId: 3, ExpireTime: '2030-01-01T00:00:00Z' };
    const { FileId, MediaUrl } = await storeVideo(emulator, call, params);
    const ofV2 = (await uploadAll(callerOf(emulator), videoOf(10))).json.fileId;
    const { json } = await call('DescribeMediaInfos', { FileIds: [FileId, '1', ofV2] });
    expect(json).toMatchObject({
      MediaInfoSet: [
        {
          FileId,
          BasicInfo: {
            Name: 'clip',
            ClassId: 3,
            Type: 'mp4',
            MediaUrl,
            ExpireTime: '2030-01-01T00:00:00Z',
            SourceInfo: { SourceType: 'Upload', SourceContext: 'upload-1' },
          },
          MetaData: { Size: 5 },
        },
        { FileId: ofV2 },
      ],
      NotExistFileIdSet: ['1'],
    });
  });

  it('SearchMedia finds by name, time and more, the newest first', async () => {
    const time = new HeldTime();
    const { clock } = time.options;
    const emulator = await start(time.options);
    const call = api3CallerOf(emulator, clock);
    const ids: string[] = [];
    const times: string[] = [];
    for (const MediaName of ['one', 'two', 'three']) {
      times.push(new Date(clock()).toISOString());
      ids.push((await storeVideo(emulator, call, { MediaName }, clock)).FileId);
      time.pass(10_000);
    }
    const found = async (params: object) => {
      const { json } = await call('SearchMedia', params);
      return json.MediaInfoSet.map(({ FileId }: { FileId: string }) => ids.indexOf(FileId));
    };
    expect(await found({})).toEqual([2, 1, 0]);
    expect(await found({ Sort: { Field: 'CreateTime', Order: 'Asc' }, Offset: 1, Limit: 1 })).toEqual([1]);
    expect(await found({ Names: ['o'] })).toEqual([1, 0]);
    expect(await found({ NamePrefixes: ['t'], FileIds: ids.slice(0, 2) })).toEqual([1]);
    expect(await found({ MediaTypes: ['flv'] })).toEqual([]);
    expect(await found({ ClassIds: [0], SourceTypes: ['Upload'] })).toEqual([2, 1, 0]);
    const second = String(times[1]).replace(/\.\d+Z$/, 'Z');
    expect(await found({ CreateTime: { After: second, Before: second } })).toEqual([1]);
  });

  it('DescribeEventConfig tells the way of events', async () => {
    const modeOf = async (callbackUrl?: string) =>
      (await api3CallerOf(await start({ callbackUrl }))('DescribeEventConfig')).json.Mode;
    expect(await modeOf()).toBe('PULL');
    expect(await modeOf('http://127.0.0.1:1/')).toBe('PUSH');
  });
});

describe('restart', () => {
  it('keeps sessions, parts, objects and videos', async () => {
    const dataDir = await temporaryDirectory();
    const first = await start({ dataDir });
    const stored = await storeVideo(first, api3CallerOf(first));
    const applied = await apply(api3CallerOf(first), { SourceContext: 'upload-2' });
    const parts = [randomBytes(MIB), Buffer.from('end')] as const;
    const cos = cosCallerOf(first, applied);
    const uploadId = element((await cos('POST', { query: { uploads: '' } })).text, 'UploadId');
    await cos('PUT', { query: { uploadId, partNumber: 1 }, body: parts[0] });
    const whole = await apply(api3CallerOf(first));
    await uploadParts(cosCallerOf(first, whole), parts);
    const expired = await apply(api3CallerOf(first));
    await first.close();
    const journal = path.join(dataDir, 'cos', 'uploads', uploadId, 'journal');
    await fs.appendFile(journal, '{"part":{"number":2,"by');
    await fs.mkdir(path.join(dataDir, 'cos', 'objects', 'without-json'));
    await fs.mkdir(path.join(dataDir, 'cos', 'uploads', 'without-journal'));
    await fs.writeFile(path.join(dataDir, 'cos', 'incoming', 'rest'), 'x');

    const second = await start({ dataDir });
    const call = api3CallerOf(second);
    const again = await call('CommitUpload', { VodSessionKey: stored.VodSessionKey });
    expect(again.json.Error.Code).toBe('InvalidParameterValue.VodSessionKey');
    const cosAgain = cosCallerOf(second, applied);
    const etag = element((await cosAgain('GET', { query: { uploadId } })).text, 'ETag');
    const { headers } = await cosAgain('PUT', { query: { uploadId, partNumber: 2 }, body: parts[1] });
    const body = completeXml([
      [1, etag],
      [2, String(headers.etag)],
    ]);
    expect((await cosAgain('POST', { query: { uploadId }, body })).status).toBe(200);
    for (const { VodSessionKey } of [applied, whole]) {
      const { MediaUrl } = (await call('CommitUpload', { VodSessionKey })).json;
      const played = Buffer.from(await (await fetch(MediaUrl)).arrayBuffer());
      expect(played.equals(Buffer.concat(parts))).toBe(true);
    }
    second.control.setSessions({ expireAll: true });
    await second.close();

    const third = await start({ dataDir });
    const { files, openUploads } = third.control.stats();
    expect(files.map(({ size }) => size).sort()).toEqual([MIB + 3, MIB + 3, 5].sort());
    expect(openUploads).toEqual([]);
    expect(element((await cosCallerOf(third, expired)('GET')).text, 'Code')).toBe('ExpiredToken');
    expect(await fs.readdir(path.join(dataDir, 'cos', 'incoming'))).toEqual([]);
    expect(await fs.readdir(path.join(dataDir, 'cos', 'uploads'))).toEqual([]);
    expect(await fs.readdir(path.join(dataDir, 'cos', 'objects'))).toHaveLength(3);
  });
});
