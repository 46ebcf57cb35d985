import { describe, expect, it } from 'vitest';
import { seal } from '../../../../src/vod/api3/seal.ts';
import {
  beginAnew,
  beginRequest,
  FILE,
  fileBytes,
  MemoJob,
  MIB,
  SECRET_KEY,
  type Send,
  sendParts,
  setUp,
  signal,
} from './setup.ts';

describe('begin', () => {
  it('needs one request for a file of one part, and two for a larger one', async () => {
    const { backend, requests } = await setUp();
    expect(await beginAnew(backend, 8 * MIB)).toMatchObject({
      kind: 'send',
      partSize: 8 * MIB,
      received: [],
    });
    expect([requests('ApplyUpload'), requests('InitiateMultipartUpload')]).toEqual([1, 0]);
    await beginAnew(backend, 8 * MIB + 1);
    expect([requests('ApplyUpload'), requests('InitiateMultipartUpload')]).toEqual([2, 1]);
  });

  it('goes on after a crash between ApplyUpload and Initiate', async () => {
    const { backend, requests, control } = await setUp();
    const memo = new MemoJob();
    control.inject({ action: 'InitiateMultipartUpload', effect: { kind: 'reset', when: 'before' } });
    const request = beginRequest(20 * MIB);
    await expect(backend.begin(request, memo, signal)).rejects.toMatchObject({ code: 'NETWORK' });
    expect(await backend.begin(request, memo.restart(), signal)).toMatchObject({ kind: 'send' });
    expect(requests('ApplyUpload')).toBe(1);
    expect(control.stats().openUploads).toHaveLength(1);
  });

  it('finds the multipart upload of an Initiate whose reply was lost', async () => {
    const { backend, requests, control } = await setUp();
    const memo = new MemoJob();
    control.inject({ action: 'InitiateMultipartUpload', effect: { kind: 'reset', when: 'after' } });
    const request = beginRequest(20 * MIB);
    await expect(backend.begin(request, memo, signal)).rejects.toMatchObject({ outcomeUnknown: true });
    await backend.begin(request, memo.restart(), signal);
    expect(requests('InitiateMultipartUpload')).toBe(1);
    expect(control.stats().openUploads).toHaveLength(1);
  });

  it('starts another multipart upload if it has no right to list them', async () => {
    const { backend, control } = await setUp({ deniedActions: ['ListMultipartUploads'] });
    const memo = new MemoJob();
    control.inject({ action: 'InitiateMultipartUpload', effect: { kind: 'reset', when: 'after' } });
    const request = beginRequest(20 * MIB);
    await expect(backend.begin(request, memo, signal)).rejects.toMatchObject({ outcomeUnknown: true });
    expect(await backend.begin(request, memo.restart(), signal)).toMatchObject({ kind: 'send' });
    expect(control.stats().openUploads).toHaveLength(2);
  });

  it('applies anew when COS refuses a session that has just begun', async () => {
    const { backend, requests, control } = await setUp();
    const memo = new MemoJob();
    control.inject({ action: 'InitiateMultipartUpload', effect: { kind: 'error', code: 'AccessDenied' } });
    const request = beginRequest(20 * MIB);
    const refused = backend.begin(request, memo, signal);
    await expect(refused).rejects.toMatchObject({ code: 'AccessDenied', retryable: true });
    expect(await backend.begin(request, memo.restart(), signal)).toMatchObject({ kind: 'send' });
    expect(requests('ApplyUpload')).toBe(2);
  });

  it('refuses options that API 3.0 lacks', async () => {
    const { backend, requests } = await setUp();
    const request = beginRequest(1000);
    const tagged = { ...request, video: { ...request.video, tags: ['a'] } };
    await expect(backend.begin(tagged, new MemoJob(), signal)).rejects.toMatchObject({
      ...{
        code: 'UNSUPPORTED_OPTION',
        retryable: false,
        message: expect.stringContaining('API 3.0 has no tags'),
      },
    });
    expect(requests('ApplyUpload')).toBe(0);
  });

  it('applies again if what an earlier start saved has expired', async () => {
    const { backend, requests, control } = await setUp();
    const memo = new MemoJob();
    control.inject({ action: 'InitiateMultipartUpload', effect: { kind: 'reset', when: 'before' } });
    const request = beginRequest(20 * MIB);
    await expect(backend.begin(request, memo, signal)).rejects.toThrow();
    const other = new MemoJob();
    await other.save(seal('another key', FILE.uploadId, '{}'));
    await backend.begin(request, other.restart(), signal);
    expect(requests('ApplyUpload')).toBe(2);
  });
});

describe('a session', () => {
  it('shows none of its secrets', async () => {
    const { backend } = await setUp();
    const { session = '' } = await beginAnew(backend, 20 * MIB);
    expect(session).toMatch(/^1\.[\w-]+$/);
    expect(Buffer.from(session.slice(2), 'base64url').toString('latin1')).not.toMatch(
      /secret|token|bucket|AKID/i,
    );
  });

  it.each([
    ['by another key', 'another key', 'u1'],
    ['of another upload', SECRET_KEY, 'u2'],
  ])('%s can’t be opened', async (_, key, uploadId) => {
    const { backend, open } = await setUp();
    const bytes = fileBytes(20 * MIB);
    const { session = '', partSize } = await beginAnew(backend, bytes.length);
    const other = open(key);
    const part = sendParts(
      { ...other, sendPart: (part) => other.sendPart({ ...part, upload: { uploadId, session } }, signal) },
      { session, partSize },
      bytes,
      [0],
    );
    await expect(part).rejects.toMatchObject({ kind: 'session', code: 'SESSION_UNREADABLE' });
  });

  it('is continued with the parts that COS has', async () => {
    const { backend, requests } = await setUp();
    const bytes = fileBytes(3 * MIB);
    const begun = await beginAnew(backend, bytes.length, MIB);
    await sendParts(backend, begun, bytes, [0, 2]);
    const resume = { ...beginRequest(bytes.length, MIB), resume: begun.session ?? '' };
    const resumed = (await backend.begin(resume, new MemoJob(), signal)) as Send;
    expect(resumed).toMatchObject({ kind: 'send', partSize: MIB, compare: true, session: begun.session });
    expect(resumed.received.map(({ offset, dataSize }) => [offset, dataSize])).toEqual([
      [0, MIB],
      [2 * MIB, MIB],
    ]);
    expect(resumed.received[0]?.dataMd5).toMatch(/^[0-9a-f]{32}$/);
    expect(requests('ApplyUpload')).toBe(1);
  });

  it('that has expired is not continued, and parts of it are not sent', async () => {
    const { backend, control, requests } = await setUp();
    const bytes = fileBytes(3 * MIB);
    const begun = await beginAnew(backend, bytes.length, MIB);
    control.setSessions({ expireAll: true });
    await expect(sendParts(backend, begun, bytes, [0])).rejects.toMatchObject({ kind: 'session' });
    const resume = { ...beginRequest(bytes.length, MIB), resume: begun.session ?? '', expiredSessions: 1 };
    const anew = (await backend.begin(resume, new MemoJob(), signal)) as Send;
    expect(anew).toMatchObject({ kind: 'send', partSize: 2 * MIB, received: [] });
    expect(requests('ApplyUpload')).toBe(2);
  });

  it('that lives too short for a part takes none', async () => {
    const { backend, requests } = await setUp({ sessionLifeSeconds: 30 });
    const bytes = fileBytes(3 * MIB);
    const begun = await beginAnew(backend, bytes.length, MIB);
    await expect(sendParts(backend, begun, bytes, [0])).rejects.toMatchObject({
      ...{ kind: 'session', code: 'SESSION_EXPIRED' },
      message: expect.stringContaining('its session expires in'),
    });
    expect(requests('UploadPart')).toBe(0);
  });
});
