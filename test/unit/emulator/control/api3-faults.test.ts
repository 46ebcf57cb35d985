import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Fault } from '../../../../src/emulator/control/fault-schema.ts';
import type { EmulatorOptions } from '../../../../src/emulator/server.ts';
import type { Sleep } from '../../../../src/emulator/sleep.ts';
import {
  type Api3Call,
  api3CallerOf,
  apply,
  type CosCall,
  completeXml,
  contentMd5,
  cosCallerOf,
  element,
} from '../api3-support.ts';
import { callerOf, initParams, md5, sendPart, start, videoOf } from '../support.ts';

const BODY = Buffer.from('video');

async function startSession(options: Partial<EmulatorOptions> = {}) {
  const emulator = await start(options);
  const call = api3CallerOf(emulator);
  const applied = await apply(call);
  const cos = cosCallerOf(emulator, applied);
  const uploadId = element((await cos('POST', { query: { uploads: '' } })).text, 'UploadId');
  return { emulator, call, applied, cos, uploadId, key: applied.VodSessionKey };
}

interface Sent {
  readonly call: Api3Call;
  readonly cos: CosCall;
  readonly uploadId: string;
  readonly prefix: string;
  readonly key: string;
}

/** One request of every action. */
const REQUESTS = {
  ApplyUpload: ({ call }: Sent) => call('ApplyUpload', { MediaType: 'mp4' }),
  CommitUpload: ({ call, key }: Sent) => call('CommitUpload', { VodSessionKey: key }),
  PullEvents: ({ call }: Sent) => call('PullEvents'),
  ConfirmEvents: ({ call }: Sent) => call('ConfirmEvents', { EventHandles: ['x'] }),
  ProcessMediaByProcedure: ({ call }: Sent) =>
    call('ProcessMediaByProcedure', { FileId: '1', ProcedureName: 'flow' }),
  DescribeMediaInfos: ({ call }: Sent) => call('DescribeMediaInfos', { FileIds: ['1'] }),
  SearchMedia: ({ call }: Sent) => call('SearchMedia'),
  DescribeEventConfig: ({ call }: Sent) => call('DescribeEventConfig'),
  InitiateMultipartUpload: ({ cos }: Sent) => cos('POST', { query: { uploads: '' } }),
  UploadPart: ({ cos, uploadId }: Sent) => cos('PUT', { query: { uploadId, partNumber: 1 }, body: BODY }),
  ListParts: ({ cos, uploadId }: Sent) => cos('GET', { query: { uploadId } }),
  CompleteMultipartUpload: ({ cos, uploadId }: Sent) =>
    cos('POST', { query: { uploadId }, body: completeXml([[1, md5(BODY)]]) }),
  AbortMultipartUpload: ({ cos, uploadId }: Sent) => cos('DELETE', { query: { uploadId } }),
  ListMultipartUploads: ({ cos, prefix }: Sent) => cos('GET', { path: '/', query: { uploads: '', prefix } }),
  PutObject: ({ cos }: Sent) => cos('PUT', { body: BODY }),
  HeadObject: ({ cos }: Sent) => cos('HEAD'),
  GetObject: ({ cos }: Sent) => cos('GET'),
} as const;
type Action = keyof typeof REQUESTS;
const ACTIONS = Object.keys(REQUESTS) as Action[];

async function startSending() {
  const session = await startSession();
  const { call, cos, uploadId, key, applied, emulator } = session;
  const sent: Sent = { call, cos, uploadId, key, prefix: applied.MediaStoragePath.slice(1) };
  return { emulator, send: (action: Action) => REQUESTS[action](sent) };
}

describe('faults of API 3.0 and COS', () => {
  it.each(ACTIONS)('%s: is reset, answers HTML, and is refused by code', async (action) => {
    const { emulator, send } = await startSending();
    const inject = (effect: Fault['effect']) => emulator.control.inject({ action, effect });
    inject({ kind: 'reset', when: 'before' });
    await expect(send(action)).rejects.toMatchObject({ code: 'ECONNRESET' });
    inject({ kind: 'http', status: 502 });
    expect(await send(action)).toMatchObject({ status: 502, type: expect.stringContaining('html') });
    inject({ kind: 'html' });
    expect(await send(action)).toMatchObject({ status: 200, type: expect.stringContaining('html') });
    inject({ kind: 'error', code: 'InternalError', message: 'try again', headers: { 'Retry-After': '3' } });
    const { json, status, text, headers } = await send(action);
    expect(headers['retry-after']).toBe('3');
    if (json !== undefined) {
      expect([status, json.Error]).toEqual([200, { Code: 'InternalError', Message: 'try again' }]);
    } else if (action !== 'HeadObject') {
      expect([status, element(text, 'Code'), element(text, 'Message')]).toEqual([
        500,
        'InternalError',
        'try again',
      ]);
    } else expect(status).toBe(500);
    const { byResult } = emulator.control.stats().requests[action];
    expect(byResult).toMatchObject({ reset: 1, 'http 502': 1, html: 1 });
    expect(emulator.control.stats().faultsUsed).toEqual({ reset: 1, http: 1, html: 1, error: 1 });
  });

  it.each([
    ['SlowDown', undefined, 503],
    ['AccessDenied', undefined, 403],
    ['NoSuchUpload', undefined, 404],
    ['Unknown', undefined, 400],
    ['ServiceUnavailable', 500, 500],
  ] as const)('COS answers %s (status %s) with HTTP %d', async (code, status, expected) => {
    const { emulator, cos } = await startSession();
    emulator.control.inject({
      action: 'PutObject',
      effect: { kind: 'error', code, ...(status !== undefined && { status }) },
    });
    const answer = await cos('PUT', { body: BODY });
    expect([answer.status, element(answer.text, 'Code')]).toEqual([expected, code]);
    expect((await cos('HEAD')).status).toBe(404);
  });

  it('Complete answers 200 and then an error; the effect is there or not', async () => {
    for (const when of ['before', 'after'] as const) {
      const { emulator, cos, uploadId } = await startSession();
      await cos('PUT', { query: { uploadId, partNumber: 1 }, body: BODY });
      emulator.control.inject({
        action: 'CompleteMultipartUpload',
        effect: { kind: 'error', code: 'InternalError', status: 200, when },
      });
      const body = completeXml([[1, md5(BODY)]]);
      const { status, text } = await cos('POST', { query: { uploadId }, body });
      expect([status, element(text, 'Code')]).toEqual([200, 'InternalError']);
      expect(text).toMatch(/^ +<\?xml/);
      expect((await cos('HEAD')).status).toBe(when === 'after' ? 200 : 404);
    }
  });

  it('CommitUpload has its effect although its reply is lost', async () => {
    const { emulator, call, cos, key } = await startSession();
    await cos('PUT', { body: BODY });
    emulator.control.inject({ action: 'CommitUpload', effect: { kind: 'reset', when: 'after' } });
    await expect(call('CommitUpload', { VodSessionKey: key })).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(emulator.control.stats().files).toHaveLength(1);
  });

  it('damage stores other bytes than the reply says', async () => {
    const { emulator, cos, uploadId } = await startSession();
    emulator.control.inject({ action: 'UploadPart', effect: { kind: 'damage' } });
    const headers = { 'Content-MD5': contentMd5(BODY) };
    const sent = await cos('PUT', { query: { uploadId, partNumber: 1 }, headers, body: BODY });
    expect(sent).toMatchObject({ status: 200, headers: { etag: `"${md5(BODY)}"` } });
    const listed = element((await cos('GET', { query: { uploadId } })).text, 'ETag');
    expect(listed).not.toBe(`"${md5(BODY)}"`);
    await cos('POST', { query: { uploadId }, body: completeXml([[1, listed]]) });
    const stored = (await cos('GET')).text;
    expect(stored.endsWith('ideo') && stored !== 'video').toBe(true);
    const { headers: head } = await cos('HEAD');
    expect(head['x-cos-hash-crc64ecma']).not.toBe(sent.headers['x-cos-hash-crc64ecma']);
  });

  it('match UploadPart of one API, or one part', async () => {
    const { emulator, cos, uploadId } = await startSession();
    const video = videoOf(10);
    const v2 = callerOf(emulator);
    await v2('InitUpload', initParams(video));
    const partStatus = async (partNumber: number) =>
      (await cos('PUT', { query: { uploadId, partNumber }, body: BODY })).status;
    const effect = { kind: 'http', status: 502 } as const;
    emulator.control.inject({ action: 'UploadPart', api: 'cos', effect });
    expect((await sendPart(v2, video, 0)).status).toBe(200);
    expect(await partStatus(1)).toBe(502);
    emulator.control.inject({ action: 'UploadPart', api: 'v2', effect });
    expect(await partStatus(1)).toBe(200);
    expect((await sendPart(v2, video, 0)).status).toBe(502);
    emulator.control.inject({ action: 'UploadPart', partNumber: 2, effect });
    expect([await partStatus(1), await partStatus(2)]).toEqual([200, 502]);
    // Codes of v2 are no codes of COS, and the other way round.
    emulator.control.inject({ action: 'UploadPart', effect: { kind: 'code', code: -10005, canRetry: 1 } });
    emulator.control.inject({ action: 'UploadPart', effect: { kind: 'error', code: 'SlowDown' } });
    expect((await sendPart(v2, video, 0)).json.code).toBe(-10005);
    expect(await partStatus(1)).toBe(503);
  });

  it('bandwidth: slows down the body of a part', async () => {
    let sleptMs = 0;
    const sleep: Sleep = async (ms) => {
      sleptMs += ms;
    };
    const { emulator, cos, uploadId } = await startSession({ sleep });
    emulator.control.inject({ action: 'UploadPart', effect: { kind: 'bandwidth', bytesPerSecond: 20 } });
    await cos('PUT', { query: { uploadId, partNumber: 1 }, body: BODY });
    expect(sleptMs).toBeCloseTo(250);
  });

  it('holds a part at a gate; it has no effect if the client leaves', async () => {
    const { emulator, cos, uploadId } = await startSession();
    const { control, dataDir } = emulator;
    const fault: Fault = { action: 'UploadPart', count: 2, effect: { kind: 'gate', name: 'part' } };
    control.inject(fault);
    const leaving = new AbortController();
    const query = { uploadId, partNumber: 1 };
    const left = cos('PUT', { query, body: BODY, signal: leaving.signal });
    await control.gateReached('part', 1);
    leaving.abort();
    await expect(left).rejects.toMatchObject({ name: 'AbortError' });
    const counts = () => control.stats().requests.UploadPart.byResult;
    await expect.poll(counts).toEqual({ aborted: 1 });
    expect(await readdir(join(dataDir, 'cos', 'incoming'))).toEqual([]);

    const sent = cos('PUT', { query, body: BODY });
    await control.gateReached('part', 1);
    expect(control.stats().openUploads).toMatchObject([{ parts: 0 }]);
    control.openGate('part');
    expect((await sent).status).toBe(200);
    expect(control.stats().openUploads).toMatchObject([{ parts: 1 }]);
  });
});
