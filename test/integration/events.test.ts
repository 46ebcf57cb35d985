import { Queue } from 'bullmq';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Upload } from '../../src/index.ts';
import { CliProcess } from '../support/cli-process.ts';
import { useWorld } from '../support/use-world.ts';
import type { WorkerProcess } from '../support/world.ts';

/** The emulator's time, which only tests advance, so that a slow machine causes no redelivery. */
let nowMs = Date.now();
const { world, source, inject, gate, stats } = useWorld({ clock: () => nowMs });

const UPLOADER = ['--stages', 'upload,hash,init,part,finish'];
const PULLER = ['--stages', 'events'];
const BOTH = ['--stages', 'upload,hash,init,part,finish,events'];

/** A completed upload and its fileId. */
async function uploaded(name: string): Promise<{ upload: Upload; fileId: string }> {
  const upload = await world().uploads.add({ source: await source(name, 1000) });
  return { upload, fileId: (await upload.result()).fileId };
}

/** The event queue. */
function eventQueue(): Queue {
  const queue = new Queue('vod-event', { connection: { url: world().redisUrl }, prefix: world().prefix });
  onTestFinished(() => queue.close());
  return queue;
}

/** Lets time pass after the end of a worker: its locks expire, and VOD redelivers unconfirmed events. */
async function kill(worker: WorkerProcess): Promise<void> {
  await worker.end('SIGKILL');
  await world().expireLocks();
  nowMs += 30_000;
}

/** Emits a TranscodeComplete of this file. */
function emitTranscoded(fileId: string, vodTaskId: string): void {
  world().emulator.control.emit({ eventType: 'TranscodeComplete', data: { fileId, status: 0, vodTaskId } });
}

/** The TranscodeComplete events of an upload. */
async function transcodings(upload: Upload): Promise<(string | undefined)[]> {
  const events = await upload.events();
  return events.flatMap(({ event }) => (event.type === 'TranscodeComplete' ? [event.data.vodTaskId] : []));
}

describe('pulled events', () => {
  it('are joined to their upload, confirmed, counted, logged and added to the history', async () => {
    const worker = world().worker({}, BOTH);
    const { upload, fileId } = await uploaded('joined.mp4');
    await expect
      .poll(() => upload.events())
      .toMatchObject([
        {
          via: 'pull',
          at: expect.any(Date),
          event: { type: 'NewFileUpload', data: { fileId, fileName: 'joined', sourceType: 'ServerUpload' } },
        },
      ]);
    world().emulator.control.emit({ eventType: 'ProcedureStateChanged', data: { fileId, status: 'FINISH' } });
    await expect
      .poll(async () => (await upload.events()).map(({ event }) => event))
      .toMatchObject([
        {},
        { type: 'other', eventType: 'ProcedureStateChanged', data: { fileId, status: 'FINISH' } },
      ]);
    const joined = { via: 'pull', outcome: 'joined' };
    await expect.poll(() => worker.metric('vod_events_total', { type: 'NewFileUpload', ...joined })).toBe(1);
    await expect.poll(() => worker.metric('vod_events_total', { type: 'other', ...joined })).toBe(1);
    await expect.poll(() => worker.metric('vod_event_lag_seconds_count', { type: 'other' })).toBe(1);
    await expect.poll(() => stats().events).toMatchObject({ redelivered: 0, pending: 0 });
    expect(await worker.line(({ msg }) => msg === 'event joined')).toMatchObject({
      uploadId: upload.id,
      eventType: 'NewFileUpload',
    });
    const status = (...options: string[]) =>
      new CliProcess(['status', upload.id, ...options], {
        env: { REDIS_URL: world().redisUrl, QUEUE_PREFIX: world().prefix },
        cwd: world().sources,
      }).ended;
    const [shown, json] = await Promise.all([status(), status('--json')]);
    expect(shown.stdout).toMatch(/event +NewFileUpload +20.*\nevent +ProcedureStateChanged +20/);
    expect(JSON.parse(json.stdout)).toMatchObject({
      events: [
        { via: 'pull', event: { type: 'NewFileUpload', data: { fileId } } },
        { event: { type: 'other' } },
      ],
    });
    const { history } = await world().uploads.details(upload.id);
    expect(history.map(({ text }) => text)).toContain('VOD sent NewFileUpload');
  });

  it('are joined to their upload when they arrive before its end', async () => {
    const queue = eventQueue();
    const finish = gate({ action: 'FinishUpload' });
    world().worker({ PART_ATTEMPTS: '1000' }, PULLER);
    const uploader = world().worker({}, UPLOADER);
    const upload = await world().uploads.add({ source: await source('race.mp4', 1000) });
    await finish.reached();
    uploader.child.kill('SIGSTOP');
    // VOD has stored the video and emits the event, but the reply to FinishUpload is delayed.
    finish.open();
    await expect.poll(async () => (await queue.getJobs())[0]?.attemptsStarted).toBeGreaterThan(1);
    uploader.child.kill('SIGCONT');
    const { fileId } = await upload.result();
    await expect
      .poll(() => upload.events())
      .toMatchObject([{ event: { type: 'NewFileUpload', data: { fileId } } }]);
    await expect.poll(async () => (await queue.getCompleted())[0]?.attemptsMade).toBe(1);
  });

  it('are joined once, even if the pulling worker is killed at any step', async () => {
    const queue = eventQueue();
    world().worker({}, UPLOADER);
    const { upload, fileId } = await uploaded('killed.mp4');
    const { control } = world().emulator;
    // VOD has delivered the event, but the reply never arrives.
    inject({ action: 'PullEvent', effect: { kind: 'hang', when: 'after' } });
    emitTranscoded(fileId, 'before-add');
    const beforeAdd = world().worker({}, PULLER);
    await expect.poll(() => stats().events.pulled).toBeGreaterThan(0);
    await kill(beforeAdd);

    const beforeConfirm = world().worker({}, PULLER);
    await expect.poll(() => stats().events.pending).toBe(0);
    control.resetStats();
    inject({ action: 'ConfirmEvent', effect: { kind: 'hang', when: 'before' } });
    emitTranscoded(fileId, 'before-confirm');
    await expect.poll(() => stats().requests.ConfirmEvent.total).toBe(1);
    await kill(beforeConfirm);

    const afterConfirm = world().worker({}, PULLER);
    await expect.poll(() => stats().events.pending).toBe(0);
    control.resetStats();
    inject({ action: 'ConfirmEvent', effect: { kind: 'hang', when: 'after' } });
    emitTranscoded(fileId, 'after-confirm');
    await expect.poll(() => stats().events.confirmed).toBe(1);
    await kill(afterConfirm);

    world().worker({}, PULLER);
    await expect
      .poll(async () => (await transcodings(upload)).sort())
      .toEqual(['after-confirm', 'before-add', 'before-confirm']);
    expect(stats().events.pending).toBe(0);
    // One job per event, even after redeliveries.
    const ofFile = async () =>
      (await queue.getCompleted()).filter(({ data }) => data.content.data.fileId === fileId);
    await expect.poll(async () => (await ofFile()).length).toBe(4);
    expect(await queue.getJobCounts()).toMatchObject({ failed: 0, active: 0, waiting: 0, delayed: 0 });
    expect(await upload.events()).toHaveLength(4);
  });

  it('are shared by workers, and joined once', async () => {
    const pulls = gate({ action: 'PullEvent' });
    const replicas = [1, 2].map(() => world().worker({}, BOTH));
    const { upload, fileId } = await uploaded('replicas.mp4');
    await pulls.reached(2);
    // One worker gets NewFileUpload and pulls again behind the other, which gets the next event.
    pulls.open(1);
    await expect.poll(() => stats().events.pending).toBe(0);
    await pulls.reached(2);
    emitTranscoded(fileId, 'task-0');
    pulls.open(1);
    await expect.poll(() => stats().events.pending).toBe(0);
    await pulls.reached(2);
    const confirmed = { action: 'ConfirmEvent', result: 'ok' };
    for (const replica of replicas)
      expect(await replica.metric('vod_api_request_duration_seconds_count', confirmed)).toBe(1);
    const ids = Array.from({ length: 100 }, (_, index) => `task-${index}`);
    for (const id of ids.slice(1)) emitTranscoded(fileId, id);
    pulls.open();
    await expect.poll(async () => (await transcodings(upload)).sort()).toEqual(ids.sort());
  });

  it('are pulled and confirmed within the account’s quota by all workers together', async () => {
    world().emulator.control.emit({ eventType: 'Lonely', data: { first: 1 } });
    const { pending } = stats().events;
    // One request of each kind a day.
    const env = { VOD_QUOTA_EVENT_PER_MINUTE: '1', VOD_QUOTA_WINDOW_MS: '86400000' };
    const replicas = await Promise.all([1, 2].map(() => world().worker(env, PULLER).ready()));
    await expect.poll(() => stats().events.confirmed).toBe(pending);
    world().emulator.control.emit({ eventType: 'Lonely', data: { second: 2 } });
    // Otherwise the end of the test would wait for a running PullEvent.
    for (const { code } of await Promise.all(replicas.map((replica) => replica.end('SIGTERM'))))
      expect(code).toBe(0);
    const { requests, events } = stats();
    expect(requests).toMatchObject({ PullEvent: { total: 1 }, ConfirmEvent: { total: 1 } });
    expect(events.pending).toBe(1);
  });

  it('of other programs have no effect and are logged', async () => {
    const worker = await world().worker({ PART_ATTEMPTS: '3' }, PULLER).ready();
    emitTranscoded('99999999999999999999', 'foreign');
    world().emulator.control.emit({ eventType: 'Lonely', data: { nobody: 1 } });
    await expect
      .poll(async () =>
        (await eventQueue().getCompleted()).map(({ name, returnvalue }) => [name, returnvalue]),
      )
      .toEqual(
        expect.arrayContaining([
          [
            'TranscodeComplete',
            { outcome: 'not ours', reason: 'no known upload has the fileId 99999999999999999999' },
          ],
          ['Lonely', { outcome: 'not ours', reason: 'it names no file' }],
        ]),
      );
    const notOurs = { type: 'TranscodeComplete', outcome: 'not_ours' };
    await expect.poll(() => worker.metric('vod_events_total', notOurs)).toBe(1);
  });
});

describe('a worker that pulls events', () => {
  it('fails jobs that are no events, and leaves jobs of newer versions to other workers', async () => {
    const worker = await world().worker({}, PULLER).ready();
    const queue = eventQueue();
    const failed = (id: string) => async () => (await queue.getJob(id))?.failedReason;
    await queue.add('forged', { schema: 1, via: 'rumour', content: {} }, { jobId: 'no-way' });
    await queue.add('forged', { schema: 1, via: 'pull', content: 'no JSON' }, { jobId: 'no-event' });
    await queue.add('forged', { schema: 99 }, { jobId: 'newer' });
    await expect.poll(failed('no-way')).toMatch(/^event job is invalid: via: .*\[INVALID_JOB\]$/);
    await expect.poll(failed('no-event')).toMatch(/^not an event of VOD: .*\[INVALID_EVENT\]$/);
    await worker.line(({ msg, jobId }) => msg === 'job left for newer workers' && jobId === 'newer');
    await expect.poll(() => worker.metric('vod_events_total', { outcome: 'invalid' })).toBe(2);
  });

  it('logs an outage and a refusal once, probes rarely, and continues on its own', async () => {
    const { control } = world().emulator;
    inject({ action: 'PullEvent', effect: { kind: 'http', status: 503 }, count: 5 });
    inject({ action: 'PullEvent', effect: { kind: 'code', code: 4100, canRetry: 0 }, after: 1, count: 3 });
    control.emit({ eventType: 'Lonely', data: { after: 'the outage' } });
    const worker = world().worker({ ACCOUNT_PROBE_MS: '40', BACKOFF_MAX_MS: '30' }, PULLER);
    await worker.line(({ msg, failures }) => msg === 'events are pulled again' && failures === 5);
    control.emit({ eventType: 'Lonely', data: { after: 'the refusal' } });
    await worker.line(({ msg, failures }) => msg === 'events are pulled again' && failures === 3);
    const logged = (text: RegExp) => worker.lines.filter(({ msg }) => text.test(String(msg)));
    const outage = logged(/no events could be pulled/);
    expect(outage.map(({ level, code }) => [level, code])).toEqual(
      ['warn', 'debug', 'debug', 'debug', 'debug'].map((level) => [level, 'HTTP_503']),
    );
    expect(Math.max(...outage.map(({ waitMs }) => Number(waitMs)))).toBeLessThanOrEqual(30);
    expect(logged(/account refused/).map(({ level, code, waitMs }) => [level, code, waitMs])).toEqual(
      ['error', 'debug', 'debug'].map((level) => [level, '4100', 40]),
    );
  });

  it('does not pull without --stages events', async () => {
    const worker = await world().worker().ready();
    const { upload } = await uploaded('usual.mp4');
    // Otherwise the end of the test would wait for a running PullEvent.
    expect(await worker.end('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(stats().requests.PullEvent.total).toBe(0);
    expect(await upload.events()).toEqual([]);
  });

  it('finishes a waiting PullEvent and returns no jobs when it is stopped', async () => {
    const pulls = gate({ action: 'PullEvent' });
    const worker = await world().worker({}, PULLER).ready();
    await pulls.reached();
    worker.child.kill('SIGTERM');
    await worker.line(({ msg }) => msg === 'draining');
    world().emulator.control.emit({ eventType: 'Lonely', data: { last: 1 } });
    pulls.open();
    expect(await worker.exited).toEqual({ code: 0, signal: null });
    expect(await worker.line(({ msg }) => msg === 'worker has stopped')).toMatchObject({ drained: true });
    expect(stats().events).toMatchObject({ pending: 0 });
    expect(stats().requests).toMatchObject({ PullEvent: { total: 1 }, ConfirmEvent: { total: 1 } });
  });
});
