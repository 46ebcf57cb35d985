import { once } from 'node:events';
import http from 'node:http';
import { describe, expect, it } from 'vitest';
import { controlClient } from '../../../../src/emulator/control/client.ts';
import type { Fault } from '../../../../src/emulator/control/fault-schema.ts';
import { api3CallerOf, apply, cosCallerOf, element } from '../api3-support.ts';
import { HeldTime } from '../held-time.ts';
import { callerOf, initParams, sendPart, start, uploadAll, videoOf } from '../support.ts';

describe('control endpoint', () => {
  it('adds and clears faults', async () => {
    const emulator = await start();
    const client = controlClient(emulator.controlUrl);
    const call = callerOf(emulator);
    const code = async () => (await call('FinishUpload', { fileSha: 'a'.repeat(40) })).json.code;
    await client.inject({
      action: 'FinishUpload',
      count: 5,
      effect: { kind: 'code', code: 6000, canRetry: 0 },
    });
    expect([await code(), await code()]).toEqual([6000, 6000]);
    await client.clearFaults();
    expect(await code()).toBe(-10005);
    expect((await client.stats()).faultsUsed).toEqual({ code: 2 });
  });

  it('returns and resets statistics; stored videos stay', async () => {
    const emulator = await start();
    const client = controlClient(emulator.controlUrl);
    const video = videoOf(524288 + 1);
    await uploadAll(callerOf(emulator), video);
    const counts = { accepted: 2, duplicates: 0, bytes: 524289 };
    const stats = await client.stats();
    expect(stats).toEqual(emulator.control.stats());
    expect(stats).toMatchObject({
      requests: {
        InitUpload: { total: 1, byResult: { 0: 1 } },
        UploadPart: { total: 2, byResult: { 0: 2 } },
        FinishUpload: { total: 1, byResult: { 0: 1 } },
        other: { total: 0, byResult: {} },
      },
      parts: { ...counts, bySha: { [video.fileSha]: counts } },
      peakPerWindow: { InitUpload: 1, UploadPart: 2, FinishUpload: 1 },
      files: [{ fileSha: video.fileSha, size: 524289, name: 'clip', finishes: 1 }],
    });
    await client.resetStats();
    expect(await client.stats()).toMatchObject({
      requests: { UploadPart: { total: 0, byResult: {} } },
      parts: { accepted: 0, bySha: {} },
      peakPerWindow: { UploadPart: 0 },
      files: [{ fileSha: video.fileSha }],
    });
  });

  it('opens gates: a request has no effect before that', async () => {
    const emulator = await start();
    const client = controlClient(emulator.controlUrl);
    const call = callerOf(emulator);
    const video = videoOf(2 * 524288);
    await call('InitUpload', initParams(video));
    const effect = { kind: 'gate', name: 'second' } as const;
    await client.inject({ action: 'UploadPart', after: 1, effect, share: 1 });
    const sent = video.offsets.map((offset) => sendPart(call, video, offset));
    await emulator.control.gateReached('second', 1);
    expect((await Promise.race(sent)).json.code).toBe(0);
    expect(await client.stats()).toMatchObject({ parts: { accepted: 1 }, waitingAtGates: { second: 1 } });
    await client.openGate('second', 1);
    expect((await Promise.all(sent)).map(({ json }) => json.code)).toEqual([0, 0]);
    await expect(client.openGate('', 1)).rejects.toMatchObject({ code: 'EMULATOR_CONTROL' });
  });

  it('sets quotas', async () => {
    const emulator = await start(new HeldTime().options);
    await controlClient(emulator.controlUrl).setQuota({ finish: 1 });
    const call = callerOf(emulator);
    const code = async () => (await call('FinishUpload', { fileSha: 'a'.repeat(40) })).json.code;
    expect([await code(), await code()]).toEqual([-10005, 4400]);
  });

  it('ends sessions of API 3.0, and sets the life of later ones and limits per second', async () => {
    const time = new HeldTime();
    const { clock } = time.options;
    const emulator = await start(time.options);
    const client = controlClient(emulator.controlUrl);
    const call = api3CallerOf(emulator, clock);
    const cos = cosCallerOf(emulator, await apply(call), clock);
    await client.setSessions({ expireAll: true, lifeSeconds: 60 });
    expect(element((await cos('GET')).text, 'Code')).toBe('ExpiredToken');
    const { TempCertificate } = await apply(call);
    expect(TempCertificate.ExpiredTime).toBe(Math.floor(clock() / 1000) + 60);
    await client.setQuota({ perSecond: { SearchMedia: 1 } });
    const answers = [await call('SearchMedia'), await call('SearchMedia')];
    expect(answers.map(({ json }) => json.Error?.Code)).toEqual([undefined, 'RequestLimitExceeded']);
    expect(await client.stats()).toMatchObject({ peakPerWindow: { ApplyUpload: 2, SearchMedia: 2 } });
    await client.resetStats();
    expect(await client.stats()).toMatchObject({
      requests: { ApplyUpload: { total: 0, byResult: {} } },
      peakPerWindow: { SearchMedia: 0 },
      quotaRefusals: { SearchMedia: 0 },
    });
    await expect(client.setSessions({ lifeSeconds: 0 })).rejects.toMatchObject({ code: 'EMULATOR_CONTROL' });
  });

  it('refuses invalid requests with a reason', async () => {
    const { controlUrl } = await start();
    const client = controlClient(controlUrl);
    const bad = { effect: { kind: 'code', code: 'x', canRetry: 1 } } as unknown as Fault;
    await expect(client.inject(bad)).rejects.toMatchObject({
      code: 'EMULATOR_CONTROL',
      message: expect.stringMatching(/POST \/faults: .*effect\.code/s),
    });
    await expect(client.setQuota({ init: -1 })).rejects.toThrow(/init/);
    const garbage = await fetch(`${controlUrl}/faults`, { method: 'POST', body: '{' });
    expect(garbage.status).toBe(400);
    expect(await garbage.json()).toEqual({ message: expect.stringContaining('JSON') });
    expect((await fetch(`${controlUrl}/nothing`)).status).toBe(404);
    const health = await fetch(`${controlUrl}/healthz`);
    expect([health.status, await health.json()]).toEqual([200, { ok: true }]);
  });

  it.each([
    { origin: 'https://elsewhere.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    // A host name that resolves to this address.
    { 'sec-fetch-site': 'same-origin', origin: 'http://elsewhere.example:9321' },
  ])('refuses changes by web pages: %j', async (headers) => {
    const { controlUrl } = await start();
    const { port } = new URL(controlUrl);
    const changes = [
      ['POST', '/faults', '{"count":1,"effect":{"kind":"reset","when":"before"}}'],
      ['POST', '/events', '{"eventType":"Any","data":{}}'],
      ['POST', '/gates', '{"name":"any"}'],
      ['PUT', '/quota', '{"init":1}'],
      ['DELETE', '/faults', ''],
      ['DELETE', '/stats', ''],
    ] as const;
    const statuses = async (sent: http.OutgoingHttpHeaders) => {
      const all: (number | undefined)[] = [];
      for (const [method, path, body] of changes) {
        const type = body === '' ? {} : { 'content-type': 'text/plain' };
        const request = http.request({ port, method, path, headers: { ...type, ...sent } }).end(body);
        const [response] = (await once(request, 'response')) as [http.IncomingMessage];
        response.resume();
        all.push(response.statusCode);
      }
      return all;
    };
    expect(await statuses(headers)).toEqual(changes.map(() => 403));
    expect(await controlClient(controlUrl).stats()).toMatchObject({
      events: { emitted: {} },
      faultsUsed: {},
    });
    expect(await statuses({})).toEqual(changes.map(() => 200));
    expect((await fetch(`${controlUrl}/stats`)).status).toBe(200);
  });
});
