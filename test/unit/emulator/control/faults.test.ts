import http from 'node:http';
import { describe, expect, it } from 'vitest';
import type { Fault, FaultEffect } from '../../../../src/emulator/control/fault-schema.ts';
import { Faults } from '../../../../src/emulator/control/faults.ts';
import type { EmulatorOptions } from '../../../../src/emulator/server.ts';
import type { Sleep } from '../../../../src/emulator/sleep.ts';
import { HeldTime } from '../held-time.ts';
import {
  callerOf,
  commonParams,
  initParams,
  md5,
  queryOf,
  sendPart,
  start,
  uploadAll,
  videoOf,
} from '../support.ts';

const target = (action: string, offset?: string, fileSha?: string) => ({ action, offset, fileSha });

describe('matching', () => {
  it('hits matching requests until its count is used up', () => {
    const faults = new Faults();
    const fileSha = 'a'.repeat(40);
    faults.inject({ action: 'UploadPart', offset: 524288, fileSha, count: 2, effect: { kind: 'html' } });
    const hits = (...of: Parameters<typeof target>) => faults.take(target(...of)).outcome !== undefined;
    expect(hits('InitUpload', undefined, fileSha)).toBe(false);
    expect(hits('UploadPart', '0', fileSha)).toBe(false);
    expect(hits('UploadPart', '524288', 'b'.repeat(40))).toBe(false);
    expect([1, 2, 3].map(() => hits('UploadPart', '524288', fileSha))).toEqual([true, true, false]);
    expect(faults.used).toEqual({ html: 2 });
  });

  it('is used up after one request by default', () => {
    const faults = new Faults();
    faults.inject({ effect: { kind: 'empty' } });
    expect([1, 2].map(() => faults.take(target('InitUpload')).outcome?.kind)).toEqual(['empty', undefined]);
  });

  it('hits a share of the requests, the same ones for the same seed', () => {
    const pattern = (fault: Partial<Fault>) => {
      const faults = new Faults();
      faults.inject({ share: 0.3, effect: { kind: 'html' }, ...fault });
      return Array.from({ length: 1000 }, () => faults.take(target('UploadPart')).outcome !== undefined);
    };
    const hits = (of: boolean[]) => of.filter(Boolean).length;
    expect(hits(pattern({}))).toBeGreaterThan(250);
    expect(hits(pattern({}))).toBeLessThan(350);
    expect(pattern({ seed: 5 })).toEqual(pattern({ seed: 5 }));
    expect(pattern({ seed: 5 })).not.toEqual(pattern({ seed: 6 }));
    expect(hits(pattern({ count: 10 }))).toBe(10);
    expect(hits(pattern({ share: 0 }))).toBe(0);
    expect(hits(pattern({ share: 1 }))).toBe(1000);
  });

  it('adds latencies, and keeps the second outcome for the next request', () => {
    const faults = new Faults();
    const effects: FaultEffect[] = [
      { kind: 'latency', ms: 5 },
      { kind: 'html' },
      { kind: 'latency', ms: 7 },
      { kind: 'bandwidth', bytesPerSecond: 100 },
      { kind: 'empty' },
    ];
    for (const effect of effects) faults.inject({ effect });
    expect(faults.take(target('UploadPart'))).toEqual({
      latencyMs: 12,
      gates: [],
      bytesPerSecond: 100,
      outcome: { kind: 'html' },
    });
    expect(faults.take(target('UploadPart'))).toMatchObject({ latencyMs: 0, outcome: { kind: 'empty' } });
  });

  it('skips the first matching requests with after', () => {
    const faults = new Faults();
    faults.inject({ action: 'UploadPart', after: 2, effect: { kind: 'gate', name: 'third' }, share: 1 });
    const gates = (action: string) => faults.take(target(action)).gates;
    expect(gates('InitUpload')).toEqual([]);
    expect([1, 2, 3, 4].map(() => gates('UploadPart'))).toEqual([[], [], ['third'], ['third']]);
  });

  it('refuses a malformed fault', () => {
    const faults = new Faults();
    expect(() => faults.inject({ effect: { kind: 'nonsense' } } as unknown as Fault)).toThrow();
    expect(() => faults.inject({ effect: { kind: 'html' }, count: 0 })).toThrow();
    expect(() => faults.inject({ effect: { kind: 'html' }, share: 1.5 })).toThrow();
    expect(() => faults.inject({ effect: { kind: 'http', status: 429, headers: { 'a b': 'c' } } })).toThrow();
    expect(() =>
      faults.inject({ effect: { kind: 'http', status: 429, headers: { a: 'b\r\nc: d' } } }),
    ).toThrow();
  });
});

/** A part whose UploadPart is hit by the fault; `received` shows whether it had an effect. */
async function meet(effect: FaultEffect, options: Partial<EmulatorOptions> = {}) {
  const emulator = await start(options);
  const call = callerOf(emulator);
  const video = videoOf(524288);
  await call('InitUpload', initParams(video));
  emulator.control.inject({ action: 'UploadPart', effect });
  const answer = sendPart(call, video, 0);
  const received = async () => (await call('InitUpload', initParams(video))).json.code === 1;
  const results = () => emulator.control.stats().requests.UploadPart.byResult;
  return { emulator, call, video, answer, received, results };
}

describe('fault effects', () => {
  it('code: replies with the code, without effect', async () => {
    const { answer, received, results } = await meet({
      kind: 'code',
      code: -10004,
      canRetry: 1,
      message: 'full',
    });
    const { status, json } = await answer;
    expect(status).toBe(200);
    expect(json).toMatchObject({ code: -10004, canRetry: 1, message: 'full' });
    expect(await received()).toBe(false);
    expect(results()).toEqual({ '-10004': 1 });
  });

  it.each([500, 502])('http %i: HTML, without effect', async (status) => {
    const { answer, received, results } = await meet({ kind: 'http', status });
    expect(await answer).toMatchObject({ status, type: expect.stringContaining('text/html') });
    expect(await received()).toBe(false);
    expect(results()).toEqual({ [`http ${status}`]: 1 });
  });

  it.each([
    { kind: 'http', status: 429, headers: { 'Retry-After': '30' } },
    { kind: 'http', status: 302, headers: { Location: 'http://login.example/', 'Retry-After': '30' } },
    { kind: 'code', code: 4500, canRetry: 0, headers: { 'Retry-After': '30' } },
  ] as const)('headers of $kind, beside its own or in their place', async (effect) => {
    const date = 'Wed, 02 Jan 2030 03:04:05 GMT';
    const { answer } = await meet({ ...effect, headers: { ...effect.headers, Date: date } });
    const { headers, text } = await answer;
    expect(headers).toMatchObject({ 'retry-after': '30', date });
    expect(headers['content-length']).toBe(String(text.length));
  });

  it.each([4200, 4300, 4600, 5300, 6000, 6200])('code %i works on any request', async (code) => {
    const emulator = await start();
    emulator.control.inject({ effect: { kind: 'code', code, canRetry: 0 } });
    expect((await callerOf(emulator)('FinishUpload', { fileSha: 'a'.repeat(40) })).json.code).toBe(code);
  });

  it('strayPart: hits only parts of files without InitUpload', async () => {
    const emulator = await start();
    const call = callerOf(emulator);
    const [begun, unknown] = [videoOf(10), videoOf(10)];
    await call('InitUpload', initParams(begun));
    emulator.control.inject({
      action: 'strayPart',
      share: 1,
      effect: { kind: 'code', code: 6000, canRetry: 0 },
    });
    emulator.control.inject({
      action: 'UploadPart',
      share: 1,
      effect: { kind: 'code', code: 6200, canRetry: 0 },
    });
    expect((await sendPart(call, unknown, 0)).json.code).toBe(6000);
    expect((await sendPart(call, begun, 0)).json.code).toBe(6200);
    emulator.control.clearFaults();
    expect((await sendPart(call, unknown, 0)).json.code).toBe(-10005);
    const { requests } = emulator.control.stats();
    expect(requests.strayPart).toEqual({ total: 2, byResult: { 6000: 1, '-10005': 1 } });
    expect(requests.UploadPart).toEqual({ total: 1, byResult: { 6200: 1 } });
  });

  it('html: HTTP 200 without JSON', async () => {
    const { answer, received } = await meet({ kind: 'html' });
    const { status, text, json } = await answer;
    expect([status, text.startsWith('<html>'), json]).toEqual([200, true, undefined]);
    expect(await received()).toBe(false);
  });

  it.each(['before', 'after'] as const)('empty %s the effect', async (when) => {
    const { answer, received } = await meet({ kind: 'empty', when });
    expect(await answer).toMatchObject({ status: 200, text: '' });
    expect(await received()).toBe(when === 'after');
  });

  it('truncated: half of the JSON, with effect', async () => {
    const { answer, received } = await meet({ kind: 'truncated' });
    const { text, json } = await answer;
    expect(text).toMatch(/^\{"code":0/);
    expect(json).toBeUndefined();
    expect(await received()).toBe(true);
  });

  it.each(['before', 'after'] as const)('reset %s the effect', async (when) => {
    const { answer, received, results } = await meet({ kind: 'reset', when });
    await expect(answer).rejects.toMatchObject({ code: expect.stringMatching(/ECONNRESET|EPIPE/) });
    expect(await received()).toBe(when === 'after');
    expect(results()).toEqual({ reset: 1 });
  });

  it.each(['before', 'after'] as const)('hang %s the effect, until the emulator closes', async (when) => {
    const { emulator, answer, received, results } = await meet({ kind: 'hang', when });
    const outcome = answer.then(
      () => 'answered',
      (error: NodeJS.ErrnoException) => error.code,
    );
    await expect.poll(results).toEqual({ hang: 1 });
    expect(await received()).toBe(when === 'after');
    expect(await Promise.race([outcome, Promise.resolve('still open')])).toBe('still open');
    await emulator.close();
    expect(await outcome).toBe('ECONNRESET');
  });

  it('latency: delays effect and reply', async () => {
    const time = new HeldTime();
    const { answer, received } = await meet({ kind: 'latency', ms: 150 }, time.options);
    await time.asleep(1);
    time.pass(149);
    expect(time.sleeping).toBe(1);
    expect(await received()).toBe(false);
    time.pass(1);
    expect((await answer).json.code).toBe(0);
    expect(await received()).toBe(true);
  });

  it('bandwidth: slows down the body', async () => {
    let sleptMs = 0;
    const sleep: Sleep = async (ms) => {
      sleptMs += ms;
    };
    const { answer } = await meet({ kind: 'bandwidth', bytesPerSecond: 524288 * 4 }, { sleep });
    expect((await answer).json.code).toBe(0);
    expect(sleptMs).toBeCloseTo(250);
  });

  it('unquotedFileId: a number in the JSON, in both replies that have one', async () => {
    const emulator = await start();
    const call = callerOf(emulator);
    const video = videoOf(10);
    emulator.control.inject({ action: 'FinishUpload', effect: { kind: 'unquotedFileId' } });
    const unquoted = /"fileId":(\d{19}),/.exec((await uploadAll(call, video)).text)?.[1];
    const { fileId } = (await call('FinishUpload', { fileSha: video.fileSha })).json;
    expect(unquoted).toBe(fileId);
    emulator.control.inject({ action: 'InitUpload', effect: { kind: 'unquotedFileId' } });
    expect((await call('InitUpload', initParams(video))).text).toContain(`"fileId":${fileId},`);
  });

  it('noUrl: missing in both replies that have one', async () => {
    const emulator = await start();
    const call = callerOf(emulator);
    const video = videoOf(10);
    emulator.control.inject({ effect: { kind: 'noUrl' }, share: 1 });
    const { json } = await uploadAll(call, video);
    expect(json).toMatchObject({ code: 0, fileId: expect.stringMatching(/^\d{19}$/) });
    expect(json).not.toHaveProperty('url');
    expect((await call('InitUpload', initParams(video))).json).not.toHaveProperty('url');
  });

  it('quirks: as in the document examples', async () => {
    const emulator = await start();
    const call = callerOf(emulator);
    const video = videoOf(524288 * 3);
    await call('InitUpload', initParams(video));
    await sendPart(call, video, 0);
    await sendPart(call, video, 524288);
    emulator.control.inject({ action: 'InitUpload', effect: { kind: 'quirks' } });
    const dataMd5 = md5(video.bytes.subarray(0, 524288));
    const dataSha = md5(video.bytes.subarray(524288, 1048576));
    expect((await call('InitUpload', initParams(video))).json).toEqual({
      code: 1,
      message: '',
      listParts: [
        { offset: 0, dataSize: 524288, dataMd5 },
        { offset: 524288, dataSize: 524288, dataSha },
      ],
    });
    emulator.control.inject({ effect: { kind: 'quirks' } });
    await sendPart(call, video, 1048576);
    const finish = await call('FinishUpload', { fileSha: video.fileSha });
    expect(finish.json).toMatchObject({ code: 0, canRetry: 0, fileId: expect.any(String) });
  });

  it('wrongMd5: changes listed MD5s only in that reply', async () => {
    const emulator = await start();
    const call = callerOf(emulator);
    const video = videoOf(524288 * 3);
    await call('InitUpload', initParams(video));
    for (const offset of [0, 524288]) await sendPart(call, video, offset);
    const md5s = async () =>
      (await call('InitUpload', initParams(video))).json.listParts.map(
        (part: { dataMd5: string }) => part.dataMd5,
      );
    const right = await md5s();
    emulator.control.inject({ action: 'InitUpload', effect: { kind: 'wrongMd5' } });
    const wrong = await md5s();
    for (const [index, one] of wrong.entries()) {
      expect(one).toMatch(/^[0-9a-f]{32}$/);
      expect(one).not.toBe(right[index]);
    }
    emulator.control.inject({ action: 'InitUpload', effect: { kind: 'wrongMd5', offset: 524288 } });
    expect(await md5s()).toEqual([right[0], wrong[1]]);
    expect(await md5s()).toEqual(right);
    expect(emulator.control.stats().faultsUsed).toEqual({ wrongMd5: 2 });
  });

  it('counts a client that disconnects during the request, without effect', async () => {
    const emulator = await start();
    const call = callerOf(emulator);
    const video = videoOf(100);
    await call('InitUpload', initParams(video));
    const { hostname, port } = new URL(emulator.url);
    const params = { fileSha: video.fileSha, offset: 0, dataSize: 100, dataMd5: md5(video.bytes) };
    const query = queryOf('POST', hostname, '/v2/index.php', { ...commonParams('UploadPart'), ...params });
    const headers = { 'content-length': 100 };
    const path = `/v2/index.php?${query}`;
    const request = http.request({ hostname, port, path, method: 'POST', headers, agent: false });
    request.write(video.bytes.subarray(0, 50));
    const counts = () => emulator.control.stats().requests.UploadPart;
    await expect.poll(() => counts().total).toBe(1);
    const closed = new Promise((resolve) => request.on('error', () => undefined).on('close', resolve));
    request.destroy();
    await closed;
    await expect.poll(() => counts().byResult).toEqual({ aborted: 1 });
    expect((await call('InitUpload', initParams(video))).json.code).toBe(0);
  });
});
