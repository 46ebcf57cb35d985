import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { combineCrc64, createCrc64 } from '../../../src/base/crc64.ts';
import { type EmulatorOptions, startEmulator } from '../../../src/emulator/server.ts';
import { createApi3Client } from '../../../src/vod/api3/client.ts';
import type { ApplyResult } from '../../../src/vod/api3/types.ts';
import { type CosObject, createCosClient } from '../../../src/vod/cos/client.ts';
import { CREDENTIALS, failure } from './servers.ts';

const MIB = 1024 * 1024;

async function connect(options: Partial<EmulatorOptions> = {}, clock: () => number = Date.now) {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'whole-upload-'));
  onTestFinished(() => fs.rmSync(dataDir, { recursive: true, force: true }));
  const emulator = await startEmulator({ dataDir, ...CREDENTIALS, ...options });
  onTestFinished(() => emulator.close());
  const vod = createApi3Client({
    endpoint: emulator.api3Url,
    credentials: CREDENTIALS,
    clock,
    subAppId: 251,
  });
  const cos = createCosClient({ endpoint: emulator.cosUrl, clock });
  onTestFinished(() => {
    vod.close();
    cos.close();
  });
  return { emulator, vod, cos };
}

function objectOf({ bucket, region, mediaPath, credentials }: ApplyResult): CosObject {
  return { bucket, region, key: mediaPath, credentials };
}

test('API 3.0 and COS take a video in parts, one of them streamed, and tell of it', async () => {
  const { vod, cos } = await connect({ subAppId: 251 });
  const applied = await vod.applyUpload({ mediaType: 'mp4', mediaName: 'launch', sourceContext: 'upload-1' });
  const object = objectOf(applied);
  await cos.probe(object);
  expect(await cos.head(object)).toBeUndefined();
  expect(await cos.listUploads(object)).toEqual([]);

  const uploadId = await cos.initiate(object);
  expect(await cos.listUploads(object)).toMatchObject([{ uploadId }]);
  const [first, second] = [randomBytes(MIB), randomBytes(100_000)];
  const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex');
  const crc = await createCrc64();
  const crcOf = (bytes: Buffer) => {
    crc.update(bytes);
    return crc.digest();
  };
  const streamed = {
    byteLength: first.length,
    async *pieces() {
      for (let offset = 0; offset < first.length; offset += 300_000)
        yield first.subarray(offset, offset + 300_000);
    },
  };
  expect(await cos.uploadPart(object, { uploadId, partNumber: 1, body: streamed })).toEqual({
    etag: md5(first),
    crc64: crcOf(first),
  });
  await cos.uploadPart(object, { uploadId, partNumber: 2, body: second, md5: md5(second) });
  const parts = await cos.listParts(object, uploadId);
  expect(parts).toEqual([
    { partNumber: 1, size: first.length, etag: md5(first) },
    { partNumber: 2, size: second.length, etag: md5(second) },
  ]);
  await cos.complete(object, uploadId, parts);
  expect(await failure(cos.complete(object, uploadId, parts))).toMatchObject({
    code: 'NoSuchUpload',
    kind: 'session',
  });
  await cos.abort(object, uploadId);
  expect(await cos.head(object)).toMatchObject({
    size: first.length + second.length,
    crc64: combineCrc64(crcOf(first), crcOf(second), second.length),
  });

  expect(await vod.searchMedia({ sourceContext: 'upload-1' })).toEqual([]);
  const { fileId, url } = await vod.commitUpload(applied.sessionKey);
  expect(await failure(vod.commitUpload(applied.sessionKey))).toMatchObject({ kind: 'session' });
  expect(await vod.describeMedia(fileId)).toEqual({ url });
  expect(await vod.describeMedia('1'.repeat(19))).toBeUndefined();
  const search = { mediaName: 'launch', createdAfterMs: Date.now() - 60_000 };
  expect(await vod.searchMedia({ sourceContext: 'upload-1', ...search })).toEqual([
    { fileId, url, sourceContext: 'upload-1' },
  ]);
  expect(await vod.searchMedia({ sourceContext: 'upload-2', ...search })).toEqual([]);

  const { events } = await vod.pullEvents();
  expect(events).toMatchObject([
    { content: { EventType: 'NewFileUpload', FileUploadEvent: { FileId: fileId } } },
  ]);
  await vod.confirmEvents(events.flatMap(({ msgHandle }) => msgHandle ?? []));
  expect((await vod.processMediaByProcedure({ fileId, procedure: 'any' })).taskId).not.toBe('');
  expect(await vod.checkKey()).toMatch(/VodSessionKey/);
});

test('a small video goes by one Put Object', async () => {
  const { vod, cos } = await connect();
  const applied = await vod.applyUpload({ mediaType: 'mp4' });
  const { etag } = await cos.putObject(objectOf(applied), { body: Buffer.from('video') });
  expect(etag).toBe(createHash('md5').update('video').digest('hex'));
  expect((await vod.commitUpload(applied.sessionKey)).fileId).toMatch(/^\d+$/);
});

test('a clock that is an hour ahead costs one refusal on each host', async () => {
  const { vod, cos } = await connect({ clockToleranceSeconds: 300 }, () => Date.now() + 3_600_000);
  expect(await failure(vod.applyUpload({ mediaType: 'mp4' }))).toMatchObject({ kind: 'clock' });
  const object = objectOf(await vod.applyUpload({ mediaType: 'mp4' }));
  expect(await failure(cos.initiate(object))).toMatchObject({ kind: 'clock' });
  await cos.initiate(object);
});

test('credentials of another session, or expired ones, are a session that is over', async () => {
  let now = Date.now();
  const { vod, cos } = await connect({ sessionLifeSeconds: 600, clock: () => now });
  const object = objectOf(await vod.applyUpload({ mediaType: 'mp4' }));
  const other = objectOf(await vod.applyUpload({ mediaType: 'mp4' }));
  expect(await failure(cos.initiate({ ...object, credentials: other.credentials }))).toMatchObject({
    kind: 'session',
    code: 'AccessDenied',
  });
  now += 601_000;
  const failed = await failure(cos.initiate(object));
  expect(failed).toMatchObject({ kind: 'session' });
  expect(failed.message).toMatch(/expired \d+ s ago/);
});
