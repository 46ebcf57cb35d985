import { randomBytes } from 'node:crypto';
import COS from 'cos-nodejs-sdk-v5';
import { describe, expect, it } from 'vitest';
import type { EmulatorOptions } from '../../../src/emulator/server.ts';
import {
  type Api3Call,
  type Applied,
  api3CallerOf,
  apply,
  type CosCall,
  type CosOptions,
  completeXml,
  contentMd5,
  cosCallerOf,
  element,
  sendTo,
  uploadParts,
} from './api3-support.ts';
import { md5, start } from './support.ts';

const MIB = 1024 * 1024;
const NOW = Date.UTC(2026, 0, 1);
const SECONDS = NOW / 1000;

async function startSession(options: Partial<EmulatorOptions> = {}, params: object = {}) {
  const clock = options.clock ?? Date.now;
  const emulator = await start(options);
  const call: Api3Call = api3CallerOf(emulator, clock);
  const applied: Applied = await apply(call, params);
  const cos: CosCall = cosCallerOf(emulator, applied, clock);
  return { emulator, call, applied, cos };
}

async function begin(cos: CosCall): Promise<string> {
  return element((await cos('POST', { query: { uploads: '' } })).text, 'UploadId');
}

const part = (uploadId: string, partNumber: number | string, body: Uint8Array, headers = {}): CosOptions => ({
  query: { partNumber, uploadId },
  headers,
  body,
});

describe('access to COS', () => {
  it.each<[string, CosOptions, string]>([
    ['another path', { path: '/other.mp4' }, 'AccessDenied'],
    ['an unknown key', { credentials: { SecretId: 'AKIDother' } }, 'InvalidAccessKeyId'],
    ['a wrong token', { credentials: { Token: 'other' } }, 'InvalidAccessKeyId'],
    ['a wrong secret', { credentials: { SecretKey: 'other' } }, 'SignatureDoesNotMatch'],
    ['a signature from the past', { keyTime: `${SECONDS - 100};${SECONDS - 1}` }, 'AccessDenied'],
    ['a clock behind', { keyTime: `${SECONDS - 2000};${SECONDS - 901}` }, 'RequestTimeTooSkewed'],
    ['a clock ahead', { keyTime: `${SECONDS + 901};${SECONDS + 2000}` }, 'RequestTimeTooSkewed'],
  ])('refuses %s', async (_, options, code) => {
    const { cos, emulator } = await startSession({ clock: () => NOW });
    const { status, text } = await cos('PUT', { body: Buffer.from('video'), ...options });
    expect([status, element(text, 'Code')]).toEqual([403, code]);
    expect(element(text, 'Message')).not.toBe('');
    expect(emulator.control.stats().requests.PutObject.byResult).toEqual({ [code]: 1 });
  });

  it('refuses expired credentials, and all when told', async () => {
    let now = NOW;
    const clock = () => now;
    const { cos, call, emulator, applied } = await startSession({ clock, sessionLifeSeconds: 60 });
    expect(applied.TempCertificate.ExpiredTime).toBe(SECONDS + 60);
    now += 59_999;
    expect((await cos('PUT', { body: Buffer.from('video') })).status).toBe(200);
    now += 1;
    const { status, text } = await cos('HEAD').then(() => cos('GET'));
    expect([status, element(text, 'Code')]).toEqual([403, 'ExpiredToken']);
    const { json } = await call('CommitUpload', { VodSessionKey: applied.VodSessionKey });
    expect(json.Error.Code).toBe('InvalidParameterValue.VodSessionKey');

    emulator.control.setSessions({ lifeSeconds: 1000 });
    const second = await apply(call);
    expect(second.TempCertificate.ExpiredTime).toBe(SECONDS + 60 + 1000);
    const secondCos = cosCallerOf(emulator, second, clock);
    expect((await secondCos('PUT', { body: Buffer.from('video') })).status).toBe(200);
    emulator.control.setSessions({ expireAll: true });
    expect(element((await secondCos('GET')).text, 'Code')).toBe('ExpiredToken');
  });

  it('refuses a request without a signature', async () => {
    const { cos, applied, emulator } = await startSession();
    const uploadId = await begin(cos);
    const response = await fetch(
      `${new URL(emulator.api3Url).origin}/${applied.StorageBucket}${applied.MediaStoragePath}?uploadId=${uploadId}`,
    );
    expect(element(await response.text(), 'Code')).toBe('AccessDenied');
  });
});

describe('multipart upload', () => {
  it('checks Content-MD5', async () => {
    const { cos } = await startSession();
    const uploadId = await begin(cos);
    const body = Buffer.from('part');
    const codeOf = async (digest: string) =>
      element((await cos('PUT', part(uploadId, 1, body, { 'Content-MD5': digest }))).text, 'Code');
    expect(await codeOf(contentMd5(Buffer.from('other')))).toBe('BadDigest');
    expect(await codeOf('x')).toBe('InvalidDigest');
    expect(await codeOf(contentMd5(body))).toBe('');
    const { text } = await cos('GET', { query: { uploadId } });
    expect(element(text, 'ETag')).toBe(`"${md5(body)}"`);
  });

  it.each([0, 10_001, 'x'])('refuses part number %s', async (number) => {
    const { cos } = await startSession();
    const { status, text } = await cos('PUT', part(await begin(cos), number, Buffer.from('x')));
    expect([status, element(text, 'Code')]).toEqual([400, 'InvalidArgument']);
  });

  it('replies with the ETag and the checksum, and counts duplicates', async () => {
    const { cos, emulator, applied } = await startSession();
    const uploadId = await begin(cos);
    const body = Buffer.from('123456789');
    const { headers } = await cos('PUT', part(uploadId, 10_000, body));
    expect(headers).toMatchObject({
      etag: `"${md5(body)}"`,
      'x-cos-hash-crc64ecma': String(0x995dc9bbdf1939fan),
    });
    await cos('PUT', part(uploadId, 10_000, body));
    const { parts, openUploads } = emulator.control.stats();
    const counts = { accepted: 2, duplicates: 1, bytes: 18 };
    expect(parts).toMatchObject({ ...counts, byKey: { [applied.MediaStoragePath.slice(1)]: counts } });
    expect(openUploads).toMatchObject([{ uploadId, parts: 1, bytes: 9 }]);
  });

  it('lists parts in pages, in the order of their numbers', async () => {
    const { cos } = await startSession();
    const uploadId = await begin(cos);
    for (const number of [3, 1, 12]) await cos('PUT', part(uploadId, number, Buffer.from(`${number}`)));
    const page = async (query: Record<string, string>) => {
      const { text } = await cos('GET', { query: { uploadId, ...query } });
      const numbers = [...text.matchAll(/<PartNumber>(\d+)</g)].map(([, number]) => Number(number));
      return {
        numbers,
        isTruncated: element(text, 'IsTruncated'),
        next: element(text, 'NextPartNumberMarker'),
      };
    };
    expect(await page({ 'max-parts': '2' })).toEqual({ numbers: [1, 3], isTruncated: 'true', next: '3' });
    expect(await page({ 'part-number-marker': '3' })).toEqual({
      numbers: [12],
      isTruncated: 'false',
      next: '',
    });
  });

  it('lists uploads of its own path only', async () => {
    const { cos, applied } = await startSession();
    const uploadId = await begin(cos);
    const prefix = applied.MediaStoragePath.slice(1);
    const { text } = await cos('GET', { path: '/', query: { uploads: '', prefix } });
    expect([element(text, 'UploadId'), element(text, 'Key')]).toEqual([uploadId, prefix]);
    const all = await cos('GET', { path: '/', query: { uploads: '' } });
    expect(element(all.text, 'Code')).toBe('AccessDenied');
  });

  it.each<[string, (etags: [number, string][]) => [number, string][], string]>([
    ['a wrong order', (etags) => etags.toReversed(), 'InvalidPartOrder'],
    ['a part twice', ([first = [0, '']]) => [first, first], 'InvalidPartOrder'],
    ['a wrong ETag', ([[number] = [0]]) => [[number, '"0123"']], 'InvalidPart'],
    ['an unknown part', (etags) => [...etags, [9, '"0123"']], 'InvalidPart'],
    ['a small part before the last', (etags) => etags, 'EntityTooSmall'],
    ['no parts', () => [], 'MalformedXML'],
  ])('Complete refuses %s', async (_, change, code) => {
    const { cos } = await startSession();
    const uploadId = await begin(cos);
    const etags: [number, string][] = [];
    for (const number of [1, 2]) {
      const { headers } = await cos('PUT', part(uploadId, number, Buffer.from('small')));
      etags.push([number, String(headers.etag)]);
    }
    const body = completeXml(change(etags));
    const { status, text } = await cos('POST', { query: { uploadId }, body });
    expect([status, element(text, 'Code')]).toEqual([400, code]);
    expect((await cos('GET', { query: { uploadId } })).status).toBe(200);
  });

  it('joins 1 MiB parts; the last may be smaller; a second Complete finds no upload', async () => {
    const { cos, emulator } = await startSession();
    const parts = [randomBytes(MIB), Buffer.from('end')];
    expect((await uploadParts(cos, parts)).status).toBe(200);
    const head = await cos('HEAD');
    expect(head).toMatchObject({ status: 200, headers: { 'content-length': String(MIB + 3) } });
    expect(head.headers.etag).toMatch(/^"[0-9a-f]{32}-2"$/);
    const whole = await cos('PUT', { body: Buffer.concat(parts) });
    expect(whole.headers['x-cos-hash-crc64ecma']).toBe(head.headers['x-cos-hash-crc64ecma']);
    const again = await cos('POST', { query: { uploadId: 'other' }, body: completeXml([[1, '"x"']]) });
    expect([again.status, element(again.text, 'Code')]).toEqual([404, 'NoSuchUpload']);
    expect(emulator.control.stats().openUploads).toEqual([]);
  });

  it.each([
    ['MalformedXML', Buffer.from('<CompleteMultipartUpload><Part>')],
    ['MalformedXML', completeXml([[1, '']])],
    ['EntityTooLarge', Buffer.alloc(2 * MIB)],
  ])('Complete answers %s to such a body', async (code, body) => {
    const { cos } = await startSession();
    const { status, text } = await cos('POST', { query: { uploadId: await begin(cos) }, body });
    expect([status, element(text, 'Code')]).toEqual([400, code]);
  });

  it('is forgotten after Abort', async () => {
    const { cos, emulator } = await startSession();
    const uploadId = await begin(cos);
    await cos('PUT', part(uploadId, 1, Buffer.from('part')));
    expect(await cos('DELETE', { query: { uploadId } })).toMatchObject({ status: 204, text: '' });
    const later = await cos('PUT', part(uploadId, 2, Buffer.from('part')));
    expect([later.status, element(later.text, 'Code')]).toEqual([404, 'NoSuchUpload']);
    expect(emulator.control.stats().openUploads).toEqual([]);
  });
});

describe('objects', () => {
  it('are sent, described and read, in whole or by range', async () => {
    const { cos } = await startSession();
    expect((await cos('HEAD')).status).toBe(404);
    expect(element((await cos('GET')).text, 'Code')).toBe('NoSuchKey');
    await cos('PUT', { body: Buffer.from('first') });
    await cos('PUT', { body: Buffer.from('second') });
    expect((await cos('HEAD')).headers).toMatchObject({ 'content-length': '6' });
    expect(await cos('GET')).toMatchObject({ status: 200, text: 'second' });
    const range = await cos('GET', { headers: { Range: 'bytes=1-2' } });
    expect(range).toMatchObject({ status: 206, text: 'ec', headers: { 'content-range': 'bytes 1-2/6' } });
  });

  it('belong to the bucket and its region', async () => {
    const { applied, emulator } = await startSession({}, { StorageRegion: 'ap-chongqing' });
    const codeOf = async (bucket: string, region: string): Promise<string> => {
      const headers = { Host: `${bucket}.cos.${region}.myqcloud.com` };
      const path = applied.MediaStoragePath;
      const { SecretId, SecretKey, Token } = applied.TempCertificate;
      const authorization = COS.getAuthorization({
        ...{ SecretId, SecretKey, Method: 'GET', Key: path, Headers: headers },
      });
      const response = await sendTo(emulator.api3Url, {
        method: 'GET',
        path,
        headers: { ...headers, authorization, 'x-cos-security-token': Token },
      });
      return element(response.text, 'Code');
    };
    expect(await codeOf(applied.StorageBucket, 'ap-chongqing')).toBe('NoSuchKey');
    expect(await codeOf(applied.StorageBucket, 'ap-guangzhou')).toBe('NoSuchBucket');
    expect(await codeOf('other-1250000000', 'ap-chongqing')).toBe('NoSuchBucket');
  });

  it.each([
    ['HeadObject', 'HEAD', {}],
    ['AbortMultipartUpload', 'DELETE', { query: { uploadId: 'x' } }],
  ] as const)('refuse %s without the right', async (action, method, options) => {
    const { cos } = await startSession({ deniedActions: [action] });
    expect((await cos(method, options)).status).toBe(403);
  });

  it('have no checksum in replies when that is off', async () => {
    const { cos } = await startSession({ crc64: false });
    const stored = await cos('PUT', { body: Buffer.from('video') });
    expect(
      [stored.headers, (await cos('HEAD')).headers].map((headers) => 'x-cos-hash-crc64ecma' in headers),
    ).toEqual([false, false]);
  });

  it('refuses an action that it does not have', async () => {
    const { cos } = await startSession();
    const { status, text } = await cos('DELETE');
    expect([status, element(text, 'Code')]).toEqual([405, 'MethodNotAllowed']);
  });
});
