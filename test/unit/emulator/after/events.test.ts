import { EventEmitter, on, once } from 'node:events';
import fs from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { controlClient } from '../../../../src/emulator/control/client.ts';
import type { Fault } from '../../../../src/emulator/control/fault-schema.ts';
import type { EmulatorOptions } from '../../../../src/emulator/server.ts';
import { HeldTime } from '../held-time.ts';
import {
  type Call,
  callerOf,
  commonParams,
  initParams,
  queryOf,
  sendPart,
  start,
  uploadAll,
  videoOf,
} from '../support.ts';

/** How long PullEvent waits for an event. */
const HOLD_MS = 5000;
/** Time until an unconfirmed event is redelivered. */
const REDELIVERY_MS = 30_000;

interface Pulled {
  readonly msgHandle: string;
  readonly eventContent: { readonly eventType: string; readonly data: Record<string, unknown> };
}

const pull = async (call: Call): Promise<Pulled[]> => (await call('PullEvent')).json.eventList;
/** Pulls, and lets the waiting time of PullEvent pass. */
async function pullInVain(call: Call, time: HeldTime): Promise<Pulled[]> {
  const pulled = pull(call);
  await Promise.race([pulled, time.asleep(1)]);
  time.pass(HOLD_MS);
  return await pulled;
}
const confirm = (call: Call, ...events: readonly Pulled[]) =>
  call(
    'ConfirmEvent',
    Object.fromEntries(events.map(({ msgHandle }, index) => [`msgHandle.${index + 1}`, msgHandle])),
  );
const types = (pulled: readonly Pulled[]) => pulled.map(({ eventContent }) => eventContent.eventType);

async function startHeld(options: Partial<EmulatorOptions> = {}) {
  const time = new HeldTime();
  const emulator = await start({ transcodeMs: 0, ...time.options, ...options });
  return { time, emulator, call: callerOf(emulator) };
}

async function stored(options: Partial<EmulatorOptions> = {}, params: Record<string, number> = {}) {
  const { time, emulator, call } = await startHeld(options);
  const video = videoOf(10);
  await call('InitUpload', { ...initParams(video), ...params });
  await sendPart(call, video, 0);
  const { fileId, url } = (await call('FinishUpload', { fileSha: video.fileSha })).json;
  return { time, emulator, call, video, fileId, url };
}

describe('events of an upload', () => {
  it('NewFileUpload once, also after repeated requests', async () => {
    const { time, emulator, call, video, fileId, url } = await stored();
    await call('FinishUpload', { fileSha: video.fileSha });
    await call('InitUpload', initParams(video));
    const { json } = await call('PullEvent');
    expect(json).toEqual({
      code: 0,
      message: '',
      codeDesc: '',
      eventList: [
        {
          msgHandle: expect.any(String),
          eventContent: {
            version: '4.0',
            eventType: 'NewFileUpload',
            data: {
              fileId,
              fileName: 'clip',
              fileUrl: url,
              coverUrl: '',
              sourceType: 'ServerUpload',
              sourceContext: '',
              transcodeTaskId: '',
              procedureTaskId: '',
              author: '',
              streamId: '',
            },
          },
        },
      ],
    });
    expect((await confirm(call, ...json.eventList)).json).toEqual({ code: 0, message: '', codeDesc: '' });
    expect(await pullInVain(call, time)).toEqual([]);
    expect(emulator.control.stats().events).toEqual({
      emitted: { NewFileUpload: 1 },
      pulled: 1,
      redelivered: 0,
      confirmed: 1,
      pending: 0,
      callbacks: { tries: 0, delivered: 0 },
    });
  });

  it('TranscodeComplete later, with the named task, if InitUpload requested it', async () => {
    const { time, call, fileId } = await stored({ transcodeMs: 200 }, { isTranscode: 1 });
    const [upload] = await pull(call);
    const next = pull(call);
    await time.asleep(1);
    time.pass(199);
    expect(time.sleeping).toBe(1);
    time.pass(1);
    const [transcoding] = await next;
    expect(transcoding?.eventContent).toMatchObject({
      eventType: 'TranscodeComplete',
      data: { status: 0, message: '', fileId, vodTaskId: upload?.eventContent.data.transcodeTaskId },
    });
    expect(upload?.eventContent.data.transcodeTaskId).toMatch(/^transcode-[0-9a-f]{32}$/);
  });
});

describe('ConvertVodFile', () => {
  it('starts a transcoding, and refuses another meanwhile', async () => {
    const { time, call, fileId } = await stored({ transcodeMs: 5000 });
    const convert = async () => (await call('ConvertVodFile', { fileId, isScreenshot: 1 })).json;
    const { vodTaskId, ...rest } = await convert();
    expect(rest).toEqual({ code: 0, message: '', codeDesc: '' });
    expect(await convert()).toEqual({
      code: 10009,
      codeDesc: 'UnexpectedFileStatus',
      message: expect.stringContaining(fileId),
    });
    time.pass(5000);
    expect((await pull(call)).map(({ eventContent }) => eventContent)).toMatchObject([
      { eventType: 'NewFileUpload' },
      { eventType: 'TranscodeComplete', data: { vodTaskId, fileId } },
    ]);
    expect((await convert()).code).toBe(0);
  });

  it.each([
    [{}, 'fileId'],
    [{ fileId: '12' }, 'fileId'],
    [{ fileId: '12345678901234567890' }, 'there is no file'],
    [{ fileId: '12345678901234567890', isWatermark: 2 }, 'isWatermark'],
  ])('refuses %j with 1000', async (params, message) => {
    const { json } = await callerOf(await start())('ConvertVodFile', params as Record<string, string>);
    expect(json).toMatchObject({ code: 1000, message: expect.stringContaining(message) });
  });

  it('has a quota, like PullEvent and ConfirmEvent', async () => {
    const quotaPerMinute = { convert: 1, pull: 1, confirm: 1 };
    const { time, call } = await startHeld({ quotaPerMinute });
    const held = pull(call);
    await time.asleep(1);
    const twice = async (action: string) => [(await call(action)).json.code, (await call(action)).json.code];
    expect(await twice('ConvertVodFile')).toEqual([1000, 4400]);
    expect(await twice('ConfirmEvent')).toEqual([1000, 4400]);
    expect((await call('PullEvent')).json.code).toBe(4400);
    time.pass(HOLD_MS);
    expect(await held).toEqual([]);
  });
});

describe('pulling', () => {
  it('waits for an event, and returns none after the time', async () => {
    const { time, emulator, call } = await startHeld();
    const waiting = pull(call);
    await time.asleep(1);
    emulator.control.emit({ eventType: 'FileDeleted', data: { fileId: '1' } });
    expect(types(await waiting)).toEqual(['FileDeleted']);
    const inVain = pull(call);
    await time.asleep(1);
    time.pass(HOLD_MS - 1);
    expect(time.sleeping).toBe(1);
    time.pass(1);
    expect(await inVain).toEqual([]);
  });

  it('returns up to 16 events, each to one client, and redelivers unconfirmed ones', async () => {
    const { time, emulator, call } = await startHeld();
    for (let n = 1; n <= 20; n += 1) emulator.control.emit({ eventType: 'Any', data: { n } });
    const both = await Promise.all([pull(call), pull(call)]);
    expect(both.map((pulled) => pulled.length).sort()).toEqual([16, 4].sort());
    const numbers = (pulled: readonly Pulled[]) => pulled.map(({ eventContent }) => eventContent.data.n);
    expect(new Set(both.flatMap(numbers)).size).toBe(20);
    const [first, ...rest] = both.flat();
    for (let at = 0; at < rest.length; at += 16) await confirm(call, ...rest.slice(at, at + 16));
    time.pass(REDELIVERY_MS - 1);
    const later = pull(call);
    await time.asleep(1);
    time.pass(1);
    const again = await later;
    expect(again[0]?.eventContent).toEqual(first?.eventContent);
    if (first === undefined) throw new Error('nothing was pulled');
    await confirm(call, first);
    expect(emulator.control.stats().events).toMatchObject({ pulled: 21, redelivered: 1, confirmed: 19 });
    await confirm(call, ...again);
    expect(emulator.control.stats().events).toMatchObject({ confirmed: 20, pending: 0 });
  });

  it('refuses to confirm no handles, or more than 16', async () => {
    const call = callerOf(await start());
    expect((await call('ConfirmEvent')).json).toMatchObject({ code: 1000 });
    const handles = Array.from({ length: 17 }, (_, index) => [`msgHandle.${index + 1}`, 'x']);
    expect((await call('ConfirmEvent', Object.fromEntries(handles))).json).toMatchObject({ code: 1000 });
    expect((await call('ConfirmEvent', { 'msgHandle.1': 'unknown' })).json).toMatchObject({ code: 0 });
  });

  it('delivers nothing to a disconnected client', async () => {
    const { time, emulator, call } = await startHeld();
    const { stats, emit } = emulator.control;
    const { pathname, origin, hostname } = new URL(emulator.url);
    const query = queryOf('GET', hostname, pathname, commonParams('PullEvent'));
    const leaving = http.get(`${origin}${pathname}?${query}`);
    leaving.on('error', () => undefined);
    await time.asleep(1);
    leaving.destroy();
    await time.asleep(0);
    emit({ eventType: 'Any', data: {} });
    expect(await pull(call)).toHaveLength(1);
    expect(stats().events).toMatchObject({ pulled: 1, redelivered: 0 });
  });

  it('is hit by faults like other requests', async () => {
    const { time, emulator, call } = await stored();
    emulator.control.inject({ action: 'PullEvent', effect: { kind: 'reset', when: 'after' } });
    await expect(call('PullEvent')).rejects.toMatchObject({ code: 'ECONNRESET' });
    emulator.control.inject({ action: 'PullEvent', effect: { kind: 'code', code: 6000, canRetry: 1 } });
    expect((await call('PullEvent')).json.code).toBe(6000);
    time.pass(REDELIVERY_MS);
    expect(types(await pull(call))).toEqual(['NewFileUpload']);
    expect(emulator.control.stats().events).toMatchObject({ pulled: 2, redelivered: 1 });
  });
});

describe('faults of events', () => {
  it('lose or delay events', async () => {
    const { time, emulator, call } = await startHeld();
    const { inject, stats } = emulator.control;
    inject({ action: 'NewFileUpload', effect: { kind: 'lost' } });
    inject({ action: 'TranscodeComplete', effect: { kind: 'lost' } });
    const { fileId } = (await uploadAll(call, videoOf(10))).json;
    const convert = async () => (await call('ConvertVodFile', { fileId })).json.code;
    expect(await convert()).toBe(0);
    const emitted = { NewFileUpload: 1, TranscodeComplete: 1 };
    expect(stats().events).toMatchObject({ emitted, pending: 0 });
    inject({ action: 'TranscodeComplete', effect: { kind: 'latency', ms: 120_000 } });
    expect([await convert(), await convert()]).toEqual([0, 10009]);
    expect(await pullInVain(call, time)).toEqual([]);
    expect(stats().events).toMatchObject({ pending: 1 });
    time.pass(120_000 - HOLD_MS);
    expect(types(await pull(call))).toEqual(['TranscodeComplete']);
  });

  it('report a failed transcoding', async () => {
    const { emulator, call, fileId } = await stored();
    const effect = { kind: 'code', code: 70000, canRetry: 0, message: 'no video in it' } as const;
    emulator.control.inject({ action: 'TranscodeComplete', effect });
    await call('ConvertVodFile', { fileId });
    expect((await pull(call)).map(({ eventContent }) => eventContent.data)).toMatchObject([
      {},
      { status: 70000, message: 'no video in it', playSet: [] },
    ]);
  });

  it('need the event type as action, and allow only some effects', async () => {
    const { time, emulator, call } = await startHeld();
    const { inject } = emulator.control;
    expect(() => inject({ action: 'TranscodeComplete', effect: { kind: 'html' } })).toThrow(/effect/);
    expect(() => inject({ action: 'PullEvent', effect: { kind: 'lost' } })).toThrow(/effect/);
    expect(() => inject({ effect: { kind: 'lost' } } as Fault)).toThrow(/effect/);
    await uploadAll(call, videoOf(10));
    inject({ effect: { kind: 'latency', ms: 1 }, count: 2 });
    const late = pull(call);
    await time.asleep(1);
    time.pass(1);
    expect(await late).toHaveLength(1);
    expect(emulator.control.stats().faultsUsed).toEqual({ latency: 1 });
  });
});

describe('the control endpoint', () => {
  it('emits any event, and refuses invalid ones', async () => {
    const { emulator, call } = await startHeld();
    const client = controlClient(emulator.controlUrl);
    await client.emit({ eventType: 'ConcatComplete', data: { vodTaskId: 'x' }, delayMs: 60_000 });
    await client.emit({ eventType: 'FileDeleted', data: { fileId: '1' } });
    expect(types(await pull(call))).toEqual(['FileDeleted']);
    expect((await client.stats()).events).toMatchObject({ pending: 2 });
    const none = { eventType: 5, data: {} } as unknown as { eventType: string; data: object };
    await expect(client.emit(none as never)).rejects.toThrow(/eventType/);
  });
});

describe('restart', () => {
  it('keeps unconfirmed and future events', async () => {
    const { time, emulator, call, fileId } = await stored({ transcodeMs: 60_000 });
    await call('ConvertVodFile', { fileId });
    emulator.control.emit({ eventType: 'FileDeleted', data: {} });
    const [upload] = await pull(call);
    if (upload === undefined) throw new Error('nothing was pulled');
    await confirm(call, upload);
    await emulator.close();
    await fs.appendFile(path.join(emulator.dataDir, 'events'), '{"gone":2');
    const again = { dataDir: emulator.dataDir, ...time.options };
    time.pass(59_999);
    const second = await start(again);
    expect(types(await pull(callerOf(second)))).toEqual(['FileDeleted']);
    expect((await callerOf(second)('ConvertVodFile', { fileId })).json.code).toBe(10009);
    await second.close();
    time.pass(1);
    const third = await start(again);
    expect(types(await pull(callerOf(third)))).toEqual(['TranscodeComplete', 'FileDeleted']);
  });
});

/** A callback receiver that replies with these statuses, then 200. */
async function receiver(...statuses: number[]) {
  const received: { type: string; body: unknown }[] = [];
  const server = http.createServer(async (request, response) => {
    const bytes = await request.toArray();
    const type = `${request.method} ${request.url} ${request.headers['content-type']}`;
    received.push({ type, body: JSON.parse(Buffer.concat(bytes).toString()) });
    response.writeHead(statuses.shift() ?? 200).end('ignored');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close().closeAllConnections());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/secret`, received };
}

/** Collects log lines; `result` resolves with the result of the next try. */
function callbackLog() {
  const logged: string[] = [];
  const news = new EventEmitter();
  const tries = on(news, 'callback');
  const log: EmulatorOptions['log'] = (fields, message) => {
    logged.push(JSON.stringify([fields, message]));
    if (message === 'callback') news.emit('callback', fields.result);
  };
  const result = async (): Promise<unknown> => (await tries.next()).value?.[0];
  return { log, logged, result };
}

describe('callback', () => {
  it('sends the pulled events, with three tries at most', async () => {
    const { url, received } = await receiver(500, 404, 503, 500);
    const { log, logged, result } = callbackLog();
    const { time, emulator, call, fileId } = await stored({ callbackUrl: url, log, transcodeMs: 100 });
    const callbacks = () => emulator.control.stats().events.callbacks;
    for (const answer of ['HTTP 500', 'HTTP 404']) {
      expect(await result()).toBe(answer);
      await time.asleep(1);
      time.pass(1000);
    }
    expect(await result()).toBe('HTTP 503');
    expect(time.sleeping).toBe(0);
    expect(callbacks()).toEqual({ tries: 3, delivered: 0 });
    const [event] = await pull(call);
    expect(received).toHaveLength(3);
    for (const { type, body } of received) {
      expect(type).toBe('POST /secret application/json');
      expect(body).toEqual(event?.eventContent);
    }
    await call('ConvertVodFile', { fileId });
    expect(time.sleeping).toBe(1);
    time.pass(100);
    expect(await result()).toBe('HTTP 500');
    await time.asleep(1);
    time.pass(1000);
    expect(await result()).toBe('delivered');
    expect(callbacks()).toEqual({ tries: 5, delivered: 1 });
    expect(received[4]?.body).toMatchObject({ eventType: 'TranscodeComplete', data: { fileId } });
    expect(logged.join()).not.toContain('secret"');
    expect(logged.join()).not.toContain(url);
  });

  it('sends future events after a restart', async () => {
    const { url: callbackUrl, received } = await receiver();
    const { log, result } = callbackLog();
    const { time, emulator, call, fileId } = await stored({ callbackUrl, log, transcodeMs: 60_000 });
    expect(await result()).toBe('delivered');
    await call('ConvertVodFile', { fileId });
    expect(time.sleeping).toBe(1);
    await emulator.close();
    expect(time.sleeping).toBe(0);
    await start({ callbackUrl, log, dataDir: emulator.dataDir, ...time.options });
    expect(time.sleeping).toBe(1);
    time.pass(60_000);
    expect(await result()).toBe('delivered');
    expect(received[1]?.body).toMatchObject({ eventType: 'TranscodeComplete' });
  });
});
