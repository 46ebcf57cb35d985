/** The vendor's own clients upload through the emulator: what they can do with it, it serves right. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import COS from 'cos-nodejs-sdk-v5';
import { expect, onTestFinished, test } from 'vitest';
import { makeCertificates } from '../support/certificates.ts';
import { startTlsProxy } from '../support/tls-proxy.ts';
import { api3CallerOf, apply } from '../unit/emulator/api3-support.ts';
import { SECRET_ID, SECRET_KEY, start } from '../unit/emulator/support.ts';

const MIB = 1024 * 1024;

async function temporaryFile(bytes: Uint8Array): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'vendor-clients-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const file = join(directory, 'clip.mp4');
  await writeFile(file, bytes);
  return file;
}

async function contentOf(url: string | undefined): Promise<Buffer> {
  return Buffer.from(await (await fetch(url ?? '')).arrayBuffer());
}

test('vod-node-sdk uploads a file of several parts', async () => {
  const emulator = await start();
  const certificates = await makeCertificates(['*.tencentcloudapi.com', '*.cos.ap-guangzhou.myqcloud.com']);
  const proxy = await startTlsProxy(emulator.api3Url, certificates);
  const bytes = randomBytes(5 * MIB + 1);
  const script = join(import.meta.dirname, '../support/vod-node-sdk-upload.ts');
  const file = await temporaryFile(bytes);
  const environment = {
    PATH: process.env.PATH,
    NODE_EXTRA_CA_CERTS: certificates.caFile,
    ...{ http_proxy: proxy.url, https_proxy: proxy.url },
  };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [script, SECRET_ID, SECRET_KEY, file, 'upload-1'],
    { env: environment },
  );
  const { FileId, MediaUrl } = JSON.parse(stdout) as { FileId: string; MediaUrl: string };
  expect((await contentOf(MediaUrl)).equals(bytes)).toBe(true);
  expect(new Set(proxy.hosts)).toEqual(
    new Set(['vod.tencentcloudapi.com', 'vod-emulator-1250000000.cos.ap-guangzhou.myqcloud.com']),
  );
  const { files, requests, openUploads } = emulator.control.stats();
  expect(files).toMatchObject([{ fileId: FileId, name: 'clip', media: { sourceContext: 'upload-1' } }]);
  expect(requests.UploadPart.byResult).toEqual({ ok: 6 });
  expect(requests.CompleteMultipartUpload.byResult).toEqual({ ok: 1 });
  expect(openUploads).toEqual([]);
  const { json } = await api3CallerOf(emulator)('PullEvents');
  expect(json.EventSet).toMatchObject([{ EventType: 'NewFileUpload', FileUploadEvent: { FileId } }]);
});

test('cos-nodejs-sdk-v5 sends parts and resumes, through the emulator as a proxy', async () => {
  const emulator = await start();
  const call = api3CallerOf(emulator);
  const applied = await apply(call, { StorageRegion: 'ap-chongqing' });
  const { SecretId, SecretKey, Token } = applied.TempCertificate;
  const keys = { SecretId, SecretKey, SecurityToken: Token };
  const cos = new COS({ ...keys, Protocol: 'http:', Proxy: emulator.api3Url, Tunnel: false });
  const bytes = randomBytes(8 * MIB + 3);
  const object = {
    Bucket: applied.StorageBucket,
    Region: applied.StorageRegion,
    Key: applied.MediaStoragePath,
  };
  const { UploadId } = await cos.multipartInit(object);
  const first = { ...object, UploadId, PartNumber: 1, Body: bytes.subarray(0, 2 * MIB) };
  await cos.multipartUpload(first);

  const upload = { ...object, FilePath: await temporaryFile(bytes), ChunkSize: 2 * MIB };
  const uploaded = await cos.sliceUploadFile(upload);
  expect(uploaded.ETag).toMatch(/-5"$/);
  const { requests, openUploads } = emulator.control.stats();
  expect(requests.InitiateMultipartUpload.total).toBe(1);
  expect(requests.ListMultipartUploads.byResult).toEqual({ ok: 1 });
  expect(requests.ListParts.byResult).toEqual({ ok: 1 });
  expect(requests.UploadPart.byResult).toEqual({ ok: 5 });
  expect(openUploads).toEqual([]);

  const head = await cos.headObject(object);
  expect(head.headers).toMatchObject({ 'content-length': String(bytes.length) });
  const got = await cos.getObject({ ...object, Range: 'bytes=1-4' });
  expect(got.Body.equals(bytes.subarray(1, 5))).toBe(true);
  const { json } = await call('CommitUpload', { VodSessionKey: applied.VodSessionKey });
  expect((await contentOf(json.MediaUrl)).equals(bytes)).toBe(true);
});

test('cos-nodejs-sdk-v5 stores a whole object, and aborts an upload, in path style', async () => {
  const emulator = await start();
  const applied = await apply(api3CallerOf(emulator));
  const { SecretId, SecretKey, Token } = applied.TempCertificate;
  const { host } = new URL(emulator.api3Url);
  const cos = new COS({
    ...{ SecretId, SecretKey, SecurityToken: Token },
    ...{ Protocol: 'http:', Domain: `${host}/{Bucket}` },
  });
  const object = {
    Bucket: applied.StorageBucket,
    Region: applied.StorageRegion,
    Key: applied.MediaStoragePath,
  };
  const { UploadId } = await cos.multipartInit(object);
  await cos.multipartAbort({ ...object, UploadId });
  await expect(cos.multipartListPart({ ...object, UploadId })).rejects.toMatchObject({
    code: 'NoSuchUpload',
  });
  const { ETag } = await cos.putObject({ ...object, Body: Buffer.from('video') });
  expect(ETag).toBe('"421b47ffd946ca083b65cd668c6b17e6"');
  await expect(cos.putObject({ ...object, Key: '/other', Body: 'x' })).rejects.toMatchObject({
    code: 'AccessDenied',
  });
});
