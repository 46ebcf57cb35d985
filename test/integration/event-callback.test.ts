import { Queue } from 'bullmq';
import { Hono } from 'hono';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createEventCallback } from '../../src/ops/event-callback.ts';
import { createOpsMetrics } from '../../src/telemetry/ops-metrics.ts';
import { parseMetrics, sumOf } from '../support/prometheus-text.ts';
import { startRedis } from '../support/redis.ts';
import { useWorld } from '../support/use-world.ts';
import type { OpsProcess } from '../support/world.ts';

const { world, source, stats } = useWorld();

const PATH = '/a-Path_that0nobody1guesses';
const JSON_TYPE = { 'content-type': 'application/json' };

async function startOps(env: Readonly<Record<string, string>> = {}): Promise<OpsProcess> {
  return await world()
    .ops({ EVENT_CALLBACK_PATH: PATH, OPS_USERS: 'alice:her password', ...env })
    .ready();
}

/** Status and body of the callback's response. */
async function post(
  { url }: OpsProcess,
  body: string,
  headers: Readonly<Record<string, string>> = JSON_TYPE,
  method = 'POST',
): Promise<[status: number, text: string]> {
  const response = await fetch(`${url}${PATH}`, { method, headers, ...(method === 'POST' && { body }) });
  return [response.status, await response.text()];
}

function transcoded(fileId: string, more: object = {}): string {
  return JSON.stringify({
    version: '4.0',
    eventType: 'TranscodeComplete',
    data: { fileId, status: 0, ...more },
  });
}

/** The event queue. */
function eventQueue(): Queue {
  const queue = new Queue('vod-event', { connection: { url: world().redisUrl }, prefix: world().prefix });
  onTestFinished(() => queue.close());
  return queue;
}

async function callbacks({ url }: OpsProcess, result: string): Promise<number> {
  const series = parseMetrics(await (await fetch(`${url}/metrics`)).text());
  return sumOf(series, 'vod_event_callbacks_total', { result });
}

describe('the event callback', () => {
  it('accepts an event without login, joins it, and recognizes the pulled copy', async () => {
    const ops = await startOps();
    const worker = world().worker({ EVENT_CALLBACK_ONLY: '1' }, [
      '--stages',
      'upload,hash,init,part,finish,events',
    ]);
    const upload = await world().uploads.add({ source: await source('callback.mp4', 1000) });
    const { fileId } = await upload.result();
    // The event that VOD will deliver to PullEvent, with its properties in another order.
    const told = { status: 0, fileId, vodTaskId: 'task' };
    expect(
      await post(ops, JSON.stringify({ data: told, eventType: 'TranscodeComplete', version: '4.0' })),
    ).toEqual([200, 'ok\n']);
    await expect
      .poll(() => upload.events())
      .toMatchObject([{ via: 'callback', event: { type: 'TranscodeComplete', data: told } }]);
    expect(stats().requests.PullEvent.total).toBe(0);
    await expect
      .poll(() =>
        worker.metric('vod_events_total', { type: 'TranscodeComplete', via: 'callback', outcome: 'joined' }),
      )
      .toBe(1);
    expect(await callbacks(ops, 'accepted')).toBe(1);

    world().worker({}, ['--stages', 'events']);
    world().emulator.control.emit({
      eventType: 'TranscodeComplete',
      data: { fileId, vodTaskId: 'task', status: 0 },
    });
    await expect.poll(() => stats().events.pending).toBe(0);
    await expect
      .poll(async () => (await upload.events()).map(({ via, event }) => [via, event.type]))
      .toEqual([
        ['callback', 'TranscodeComplete'],
        ['pull', 'NewFileUpload'],
      ]);
    await expect.poll(() => eventQueue().getJobCounts()).toMatchObject({ completed: 2, failed: 0 });
  });

  it('ignores a forged event of an unknown file', async () => {
    const ops = await startOps();
    await world().worker({ EVENT_CALLBACK_ONLY: '1', PART_ATTEMPTS: '3' }, ['--stages', 'events']).ready();
    const forged = { eventType: 'NewFileUpload', data: { fileId: '12345678901234567890' } };
    expect(await post(ops, JSON.stringify(forged))).toEqual([200, 'ok\n']);
    await expect
      .poll(async () => (await eventQueue().getCompleted()).map(({ returnvalue }) => returnvalue))
      .toEqual([{ outcome: 'not ours', reason: 'no known upload has the fileId 12345678901234567890' }]);
  });

  it('asks VOD to resend an event while Redis is unavailable', async () => {
    const { port, child } = await startRedis({});
    const ops = await startOps({ REDIS_URL: `redis://127.0.0.1:${port}` });
    await child.stop();
    await ops.line(({ msg }) => msg === 'redis is unreachable; waiting for it');
    expect(await post(ops, transcoded('1'))).toEqual([503, 'try again later\n']);
    expect(await callbacks(ops, 'failed')).toBe(1);
  });

  it('accepts a burst of 100 events, and 20 per second', async () => {
    let now = 0;
    const metrics = createOpsMetrics('test');
    const log = pino({ enabled: false });
    const queue = eventQueue();
    const callback = createEventCallback({
      path: PATH,
      queue,
      ready: () => true,
      metrics,
      log,
      now: () => now,
    });
    const app = new Hono().use(callback);
    /** The response statuses of `count` events. */
    const burst = async (count: number): Promise<number[]> => {
      const request = { method: 'POST', headers: JSON_TYPE, body: transcoded('1') };
      const answers = await Promise.all(Array.from({ length: count }, () => app.request(PATH, request)));
      return answers.map(({ status }) => status).sort();
    };
    const times = (count: number, status: number): number[] => Array(count).fill(status);
    expect(await burst(103)).toEqual([...times(100, 200), ...times(3, 429)]);
    now += 1000;
    expect(await burst(22)).toEqual([...times(20, 200), ...times(2, 429)]);
    const { values } = await metrics.eventCallbacks.get();
    const counted = Object.fromEntries(values.map(({ labels, value }) => [labels.result, value]));
    expect(counted).toEqual({ accepted: 120, limited: 5 });
    // All copies are one job.
    expect(await queue.getJobCounts()).toMatchObject({ waiting: 1 });
  });

  it('refuses invalid, too large and non-JSON requests; its path is in no log', async () => {
    const ops = await startOps({ LOG_LEVEL: 'trace' });
    expect(await post(ops, '', {}, 'GET')).toEqual([405, 'POST only\n']);
    const type = 'the content-type must be application/json\n';
    expect(await post(ops, transcoded('1'), { 'content-type': 'text/plain' })).toEqual([415, type]);
    const large = 'an event has at most 65536 bytes\n';
    expect(await post(ops, transcoded('1', { more: 'x'.repeat(65536) }))).toEqual([413, large]);
    expect(await post(ops, '{"eventType":')).toEqual([400, 'not JSON\n']);
    const none = 'not an event of VOD: it has no eventType of letters and digits\n';
    for (const body of ['null', '[]', '"x"', '{"eventType":"a b"}', '{"data":{}}']) {
      expect(await post(ops, body)).toEqual([400, none]);
    }
    const deep = `{"eventType":"Deep","data":${'['.repeat(30_000)}${']'.repeat(30_000)}}`;
    expect(await post(ops, deep)).toEqual([400, 'not an event of VOD: it has more than 64 levels\n']);
    expect(await post(ops, transcoded('1'), { 'content-type': 'Application/JSON; charset=utf-8' })).toEqual([
      200,
      'ok\n',
    ]);
    expect(await callbacks(ops, 'refused')).toBe(10);
    expect(await callbacks(ops, 'accepted')).toBe(1);
    expect(await eventQueue().getJobCounts()).toMatchObject({ waiting: 1 });
    expect(ops.output).not.toContain(PATH.slice(1));
    // The pages still require a login.
    expect((await fetch(`${ops.url}/uploads`)).status).toBe(401);
    expect((await fetch(`${ops.url}/an0ther-path_of_that_length`, { method: 'POST' })).status).toBe(401);
  });
});
