import { once } from 'node:events';
import fs from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { controlClient } from '../../../src/emulator/control-client.ts';
import type { Fault } from '../../../src/emulator/faults.ts';
import type { EmulatorOptions } from '../../../src/emulator/server.ts';
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
} from './support.ts';

/** A minute of 600 ms: PullEvent is held for 50 ms, and an event comes again after 300 ms. */
const SHORT = { quotaWindowMs: 600, transcodeMs: 0 };

interface Pulled {
  readonly msgHandle: string;
  readonly eventContent: { readonly eventType: string; readonly data: Record<string, unknown> };
}

const pull = async (call: Call): Promise<Pulled[]> => (await call('PullEvent')).json.eventList;
/** Pulls until there is something. */
async function pulled(call: Call): Promise<Pulled[]> {
  for (;;) {
    const events = await pull(call);
    if (events.length > 0) return events;
  }
}
const confirm = (call: Call, ...events: readonly Pulled[]) =>
  call(
    'ConfirmEvent',
    Object.fromEntries(events.map(({ msgHandle }, index) => [`msgHandle.${index + 1}`, msgHandle])),
  );
const types = (pulled: readonly Pulled[]) => pulled.map(({ eventContent }) => eventContent.eventType);

async function stored(options: Partial<EmulatorOptions> = {}, params: Record<string, number> = {}) {
  const emulator = await start({ ...SHORT, ...options });
  const call = callerOf(emulator);
  const video = videoOf(10);
  await call('InitUpload', { ...initParams(video), ...params });
  await sendPart(call, video, 0);
  const { fileId, url } = (await call('FinishUpload', { fileSha: video.fileSha })).json;
  return { emulator, call, video, fileId, url };
}

describe('events of an upload', () => {
  it('NewFileUpload once, whatever is asked again', async () => {
    const { emulator, call, video, fileId, url } = await stored();
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
    expect(await pull(call)).toEqual([]);
    expect(emulator.control.stats().events).toEqual({
      emitted: { NewFileUpload: 1 },
      pulled: 1,
      redelivered: 0,
      confirmed: 1,
      pending: 0,
      callbacks: { tries: 0, delivered: 0 },
    });
  });

  it('TranscodeComplete when InitUpload asked for it, later, as the transcoding that was named', async () => {
    const { call, fileId } = await stored({ transcodeMs: 200, quotaWindowMs: 60_000 }, { isTranscode: 1 });
    const [upload] = await pull(call);
    const started = performance.now();
    const [transcoding] = await pull(call);
    expect(performance.now() - started).toBeLessThan(4000);
    expect(transcoding?.eventContent).toMatchObject({
      eventType: 'TranscodeComplete',
      data: { status: 0, message: '', fileId, vodTaskId: upload?.eventContent.data.transcodeTaskId },
    });
    expect(upload?.eventContent.data.transcodeTaskId).toMatch(/^transcode-[0-9a-f]{32}$/);
  });
});

describe('ConvertVodFile', () => {
  it('starts a transcoding, and refuses another one meanwhile', async () => {
    let now = Date.now();
    const { call, fileId } = await stored({ transcodeMs: 5000, clock: () => now });
    const convert = async () => (await call('ConvertVodFile', { fileId, isScreenshot: 1 })).json;
    const { vodTaskId, ...rest } = await convert();
    expect(rest).toEqual({ code: 0, message: '', codeDesc: '' });
    expect(await convert()).toEqual({
      code: 10009,
      codeDesc: 'UnexpectedFileStatus',
      message: expect.stringContaining(fileId),
    });
    now += 5000;
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
    const call = callerOf(await start({ quotaPerMinute, quotaWindowMs: 30_000 }));
    const emulatorHolds = pull(call);
    const twice = async (action: string) => [(await call(action)).json.code, (await call(action)).json.code];
    expect(await twice('ConvertVodFile')).toEqual([1000, 4400]);
    expect(await twice('ConfirmEvent')).toEqual([1000, 4400]);
    expect((await call('PullEvent')).json.code).toBe(4400);
    expect(await emulatorHolds).toEqual([]);
  });
});

describe('pulling', () => {
  it('waits for an event, and goes without one when the time is up', async () => {
    const emulator = await start({ quotaWindowMs: 60_000 });
    const call = callerOf(emulator);
    const waiting = pull(call);
    await expect.poll(() => emulator.control.stats().requests.PullEvent.total).toBe(1);
    emulator.control.emit({ eventType: 'FileDeleted', data: { fileId: '1' } });
    expect(types(await waiting)).toEqual(['FileDeleted']);
    const short = await start(SHORT);
    const started = performance.now();
    expect(await pull(callerOf(short))).toEqual([]);
    expect(performance.now() - started).toBeGreaterThan(45);
  });

  it('gets 16 at most, each by one caller, and again what was not confirmed in time', async () => {
    const emulator = await start(SHORT);
    const call = callerOf(emulator);
    for (let n = 1; n <= 20; n += 1) emulator.control.emit({ eventType: 'Any', data: { n } });
    const both = await Promise.all([pull(call), pull(call)]);
    expect(both.map((pulled) => pulled.length).sort()).toEqual([16, 4].sort());
    const numbers = (pulled: readonly Pulled[]) => pulled.map(({ eventContent }) => eventContent.data.n);
    expect(new Set(both.flatMap(numbers)).size).toBe(20);
    const [first, ...rest] = both.flat();
    for (let at = 0; at < rest.length; at += 16) await confirm(call, ...rest.slice(at, at + 16));
    const again = await pulled(call);
    expect(again[0]?.eventContent).toEqual(first?.eventContent);
    if (first === undefined) throw new Error('nothing was pulled');
    await confirm(call, first);
    expect(emulator.control.stats().events).toMatchObject({ pulled: 21, redelivered: 1, confirmed: 19 });
    await confirm(call, ...again);
    expect(emulator.control.stats().events).toMatchObject({ confirmed: 20, pending: 0 });
  });

  it('confirms nothing without handles, or with more than 16', async () => {
    const call = callerOf(await start());
    expect((await call('ConfirmEvent')).json).toMatchObject({ code: 1000 });
    const handles = Array.from({ length: 17 }, (_, index) => [`msgHandle.${index + 1}`, 'x']);
    expect((await call('ConfirmEvent', Object.fromEntries(handles))).json).toMatchObject({ code: 1000 });
    expect((await call('ConfirmEvent', { 'msgHandle.1': 'unknown' })).json).toMatchObject({ code: 0 });
  });

  it('hands nothing to a caller that has gone', async () => {
    const emulator = await start({ quotaWindowMs: 60_000 });
    const call = callerOf(emulator);
    const { stats, emit } = emulator.control;
    const { pathname, origin, hostname } = new URL(emulator.url);
    const query = queryOf('GET', hostname, pathname, commonParams('PullEvent'));
    const leaving = http.get(`${origin}${pathname}?${query}`);
    leaving.on('error', () => undefined);
    await expect.poll(() => stats().requests.PullEvent.total).toBe(1);
    leaving.destroy();
    await expect.poll(() => stats().requests.PullEvent.byResult).toEqual({ 0: 1 });
    emit({ eventType: 'Any', data: {} });
    expect(await pull(call)).toHaveLength(1);
    expect(stats().events).toMatchObject({ pulled: 1, redelivered: 0 });
  });

  it('meets faults as other requests do', async () => {
    const { emulator, call } = await stored();
    emulator.control.inject({ action: 'PullEvent', effect: { kind: 'reset', when: 'after' } });
    await expect(call('PullEvent')).rejects.toMatchObject({ code: 'ECONNRESET' });
    emulator.control.inject({ action: 'PullEvent', effect: { kind: 'code', code: 6000, canRetry: 1 } });
    expect((await call('PullEvent')).json.code).toBe(6000);
    expect(types(await pulled(call))).toEqual(['NewFileUpload']);
    expect(emulator.control.stats().events).toMatchObject({ pulled: 2, redelivered: 1 });
  });
});

describe('faults of events', () => {
  it('lose them, or delay them', async () => {
    const emulator = await start(SHORT);
    const call = callerOf(emulator);
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
    expect(await pull(call)).toEqual([]);
    expect(stats().events).toMatchObject({ pending: 1 });
  });

  it('tell that a transcoding failed', async () => {
    const { emulator, call, fileId } = await stored();
    const effect = { kind: 'code', code: 70000, canRetry: 0, message: 'no video in it' } as const;
    emulator.control.inject({ action: 'TranscodeComplete', effect });
    await call('ConvertVodFile', { fileId });
    expect((await pull(call)).map(({ eventContent }) => eventContent.data)).toMatchObject([
      {},
      { status: 70000, message: 'no video in it', playSet: [] },
    ]);
  });

  it('are not what a fault for any request hits, and meet nothing else', async () => {
    const emulator = await start(SHORT);
    const { inject } = emulator.control;
    expect(() => inject({ action: 'TranscodeComplete', effect: { kind: 'html' } })).toThrow(/effect/);
    expect(() => inject({ action: 'PullEvent', effect: { kind: 'lost' } })).toThrow(/effect/);
    expect(() => inject({ effect: { kind: 'lost' } } as Fault)).toThrow(/effect/);
    await uploadAll(callerOf(emulator), videoOf(10));
    inject({ effect: { kind: 'latency', ms: 1 }, count: 2 });
    expect((await pull(callerOf(emulator))).length).toBe(1);
    expect(emulator.control.stats().faultsUsed).toEqual({ latency: 1 });
  });
});

describe('the control endpoint', () => {
  it('emits any event, and refuses what is none', async () => {
    const emulator = await start(SHORT);
    const client = controlClient(emulator.controlUrl);
    await client.emit({ eventType: 'ConcatComplete', data: { vodTaskId: 'x' }, delayMs: 60_000 });
    await client.emit({ eventType: 'FileDeleted', data: { fileId: '1' } });
    expect(types(await pull(callerOf(emulator)))).toEqual(['FileDeleted']);
    expect((await client.stats()).events).toMatchObject({ pending: 2 });
    const none = { eventType: 5, data: {} } as unknown as { eventType: string; data: object };
    await expect(client.emit(none as never)).rejects.toThrow(/eventType/);
  });
});

describe('restart', () => {
  it('keeps events that are not confirmed, and those that are still to happen', async () => {
    const { emulator, call, fileId } = await stored({ transcodeMs: 60_000 });
    await call('ConvertVodFile', { fileId });
    emulator.control.emit({ eventType: 'FileDeleted', data: {} });
    const [upload] = await pull(call);
    if (upload === undefined) throw new Error('nothing was pulled');
    await confirm(call, upload);
    await emulator.close();
    await fs.appendFile(path.join(emulator.dataDir, 'events'), '{"gone":2');
    const later = { dataDir: emulator.dataDir, clock: () => Date.now() + 30_000 };
    const second = await start({ ...SHORT, ...later });
    expect(types(await pull(callerOf(second)))).toEqual(['FileDeleted']);
    expect((await callerOf(second)('ConvertVodFile', { fileId })).json.code).toBe(10009);
    await second.close();
    const third = await start({ ...SHORT, ...later, clock: () => Date.now() + 61_000 });
    expect(types(await pull(callerOf(third)))).toEqual(['TranscodeComplete', 'FileDeleted']);
  });
});

/** A receiver of callbacks that answers with these statuses, then 200. */
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

describe('callback', () => {
  it('gets what is pulled, tries three times, and no more', async () => {
    const { url, received } = await receiver(500, 404, 503, 500);
    const logged: string[] = [];
    const log: EmulatorOptions['log'] = (fields, message) =>
      void logged.push(JSON.stringify([fields, message]));
    const { emulator, call, fileId } = await stored({ callbackUrl: url, log, transcodeMs: 100 });
    const callbacks = () => emulator.control.stats().events.callbacks;
    await expect.poll(callbacks).toEqual({ tries: 3, delivered: 0 });
    const [event] = await pull(call);
    expect(received).toHaveLength(3);
    for (const { type, body } of received) {
      expect(type).toBe('POST /secret application/json');
      expect(body).toEqual(event?.eventContent);
    }
    await call('ConvertVodFile', { fileId });
    await expect.poll(callbacks).toEqual({ tries: 5, delivered: 1 });
    expect(received[4]?.body).toMatchObject({ eventType: 'TranscodeComplete', data: { fileId } });
    expect(logged.join()).not.toContain('secret"');
    expect(logged.join()).not.toContain(url);
  });

  it('is told after a restart of what was still to happen', async () => {
    const { url, received } = await receiver();
    const { emulator, call, fileId } = await stored({ callbackUrl: url, transcodeMs: 60_000 });
    await call('ConvertVodFile', { fileId });
    await expect.poll(() => received.length).toBe(1);
    await emulator.close();
    await start({ ...SHORT, callbackUrl: url, dataDir: emulator.dataDir, clock: () => Date.now() + 57_000 });
    await expect.poll(() => received.length, { timeout: 20_000 }).toBe(2);
    expect(received[1]?.body).toMatchObject({ eventType: 'TranscodeComplete' });
  });
});
