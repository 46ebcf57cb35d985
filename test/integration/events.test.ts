import { Queue } from 'bullmq';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Upload } from '../../src/index.ts';
import { CliProcess } from '../support/cli-process.ts';
import { useWorld } from '../support/use-world.ts';

/** PullEvent is held for 250 ms, and what is not confirmed comes again after 1.5 s. */
const { world, source, inject, stats } = useWorld({ quotaWindowMs: 3000 });

const UPLOADER = ['--stages', 'upload,hash,init,part,finish'];
const PULLER = ['--stages', 'events'];

/** An upload that has been carried out, and its file in VOD. */
async function uploaded(name: string): Promise<{ upload: Upload; fileId: string }> {
  const upload = await world().uploads.add({ source: await source(name, 1000) });
  return { upload, fileId: (await upload.result()).fileId };
}

/** The queue of events, as BullMQ has it. */
function eventQueue(): Queue {
  const queue = new Queue('vod-event', { connection: { url: world().redisUrl }, prefix: world().prefix });
  onTestFinished(() => queue.close());
  return queue;
}

/** Has VOD tell of a transcoding of this file. */
function emitTranscoded(fileId: string, vodTaskId: string): void {
  world().emulator.control.emit({ eventType: 'TranscodeComplete', data: { fileId, status: 0, vodTaskId } });
}

/** The transcodings that an upload has been told of. */
async function transcodings(upload: Upload): Promise<(string | undefined)[]> {
  const events = await upload.events();
  return events.flatMap(({ event }) => (event.type === 'TranscodeComplete' ? [event.data.vodTaskId] : []));
}

describe('events that are pulled', () => {
  it('are joined to their upload, confirmed, counted, and told by the log and the history', async () => {
    const worker = world().worker({}, ['--stages', `${UPLOADER[1]},events`]);
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
    expect(history.map(({ text }) => text)).toContain('VOD told NewFileUpload');
  });

  it('come to be their upload’s own when they are there before it has ended', async () => {
    const queue = eventQueue();
    await world().worker({}, PULLER).ready();
    // FinishUpload takes effect, and its reply does not come.
    inject({ action: 'FinishUpload', effect: { kind: 'hang', when: 'after' } });
    const env = { LOCK_DURATION_MS: '1000', STALLED_INTERVAL_MS: '300' };
    const uploader = world().worker(env, UPLOADER);
    const upload = await world().uploads.add({ source: await source('race.mp4', 1000) });
    const looks = async () => (await queue.getJobs()).map(({ attemptsStarted }) => attemptsStarted);
    await expect.poll(looks, { timeout: 20_000 }).toEqual([expect.any(Number)]);
    await expect.poll(async () => (await looks())[0]).toBeGreaterThan(0);
    await uploader.end();
    world().worker(env, UPLOADER);
    const { fileId } = await upload.result();
    await expect
      .poll(() => upload.events())
      .toMatchObject([{ event: { type: 'NewFileUpload', data: { fileId } } }]);
    const [job] = await queue.getCompleted();
    expect(job?.attemptsStarted).toBeGreaterThan(1);
    expect(job?.attemptsMade).toBe(1);
  });

  it('are joined once, wherever the worker that pulls them is killed', async () => {
    world().worker({}, UPLOADER);
    const { upload, fileId } = await uploaded('killed.mp4');
    const { control } = world().emulator;
    const confirming = () => stats().requests.ConfirmEvent.total;
    // VOD has given the event out, and its answer never comes.
    inject({ action: 'PullEvent', effect: { kind: 'hang', when: 'after' } });
    emitTranscoded(fileId, 'before-add');
    const beforeAdd = world().worker({}, PULLER);
    await expect.poll(() => stats().events.pulled).toBeGreaterThan(0);
    await beforeAdd.end('SIGKILL');

    const beforeConfirm = world().worker({}, PULLER);
    await expect.poll(() => stats().events.pending).toBe(0);
    control.resetStats();
    inject({ action: 'ConfirmEvent', effect: { kind: 'hang', when: 'before' } });
    emitTranscoded(fileId, 'before-confirm');
    await expect.poll(confirming).toBe(1);
    await beforeConfirm.end('SIGKILL');

    const afterConfirm = world().worker({}, PULLER);
    await expect.poll(() => stats().events.pending).toBe(0);
    control.resetStats();
    inject({ action: 'ConfirmEvent', effect: { kind: 'hang', when: 'after' } });
    emitTranscoded(fileId, 'after-confirm');
    await expect.poll(() => stats().events.confirmed).toBe(1);
    await afterConfirm.end('SIGKILL');

    world().worker({}, PULLER);
    await expect
      .poll(async () => (await transcodings(upload)).sort())
      .toEqual(['after-confirm', 'before-add', 'before-confirm']);
    await expect.poll(() => stats().events.pending).toBe(0);
    // One job for each event, however often it came.
    await expect
      .poll(() => eventQueue().getJobCounts())
      .toMatchObject({ completed: 4, failed: 0, active: 0 });
    expect(await upload.events()).toHaveLength(4);
  });

  it('are shared by replicas, within the account’s quota', async () => {
    world().worker({}, UPLOADER);
    const { upload, fileId } = await uploaded('replicas.mp4');
    world().emulator.control.setQuota({ pull: 30, confirm: 30 });
    onTestFinished(() => world().emulator.control.setQuota({}));
    const env = { VOD_QUOTA_EVENT_PER_MINUTE: '30', VOD_QUOTA_WINDOW_MS: '3000' };
    const pullers = await Promise.all([1, 2].map(() => world().worker(env, PULLER).ready()));
    const ids = Array.from({ length: 150 }, (_, index) => `task-${index}`);
    // One after the other, so that every pull is answered at once.
    for (const [index, id] of ids.entries()) {
      world().emulator.control.emit({
        eventType: 'TranscodeComplete',
        data: { fileId, status: 0, vodTaskId: id },
        delayMs: index * 20,
      });
    }
    await expect.poll(async () => (await transcodings(upload)).sort()).toEqual([...ids].sort());
    const { quotaRefusals, peakPerWindow } = stats();
    expect(quotaRefusals).toMatchObject({ PullEvent: 0, ConfirmEvent: 0 });
    expect(peakPerWindow.PullEvent).toBeGreaterThan(15);
    const shares = await Promise.all(
      pullers.map((worker) =>
        worker.metric('vod_api_request_duration_seconds_count', { action: 'ConfirmEvent', result: 'ok' }),
      ),
    );
    expect(Math.min(...shares)).toBeGreaterThan(0);
  });

  it('of other programs have no effect, and that is said', async () => {
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
            { outcome: 'not ours', reason: 'no upload that is known has the fileId 99999999999999999999' },
          ],
          ['Lonely', { outcome: 'not ours', reason: 'it names no file' }],
        ]),
      );
    const notOurs = { type: 'TranscodeComplete', outcome: 'not_ours' };
    await expect.poll(() => worker.metric('vod_events_total', notOurs)).toBeGreaterThan(0);
  });
});

describe('a worker that pulls events', () => {
  it('fails jobs that are no events, and leaves those of newer versions to others', async () => {
    const worker = await world().worker({}, PULLER).ready();
    const queue = eventQueue();
    const failed = (id: string) => async () => (await queue.getJob(id))?.failedReason;
    await queue.add('forged', { schema: 1, via: 'rumour', content: {} }, { jobId: 'no-way' });
    await queue.add('forged', { schema: 1, via: 'pull', content: 'no JSON' }, { jobId: 'no-event' });
    await queue.add('forged', { schema: 99 }, { jobId: 'newer' });
    await expect
      .poll(failed('no-way'))
      .toMatch(/^event job is not of this version's form: via: .*\[INVALID_JOB\]$/);
    await expect.poll(failed('no-event')).toMatch(/^not an event of VOD: .*\[INVALID_EVENT\]$/);
    await worker.line(({ msg, jobId }) => msg === 'job left for newer workers' && jobId === 'newer');
    await expect.poll(() => worker.metric('vod_events_total', { outcome: 'invalid' })).toBe(2);
  });

  it('tells an outage and a refusal once, asks seldom, and goes on by itself', async () => {
    const worker = await world().worker({ ACCOUNT_PROBE_MS: '400' }, PULLER).ready();
    inject({ action: 'PullEvent', effect: { kind: 'http', status: 503 }, count: 5 });
    await worker.line(({ msg }) => msg === 'events are pulled again');
    const told = worker.lines.filter(
      ({ msg, level }) => /no events could/.test(String(msg)) && level === 'warn',
    );
    expect(told).toMatchObject([{ code: 'HTTP_503' }]);
    const before = stats().requests.PullEvent.total;
    inject({ action: 'PullEvent', effect: { kind: 'code', code: 4100, canRetry: 0 }, share: 1 });
    await worker.line(({ msg, level }) => /account refused/.test(String(msg)) && level === 'error');
    const from = performance.now();
    await expect.poll(() => stats().faultsUsed.code ?? 0).toBeGreaterThan(2);
    const seconds = (performance.now() - from) / 1000;
    expect(stats().requests.PullEvent.total - before).toBeLessThan(4 + seconds / 0.4);
    world().emulator.control.clearFaults();
    await expect
      .poll(() => worker.lines.filter(({ msg }) => msg === 'events are pulled again').length)
      .toBe(2);
  });

  it('is not a usual one: without --stages events nobody pulls', async () => {
    world().worker();
    const { upload } = await uploaded('usual.mp4');
    expect(stats().requests.PullEvent.total).toBe(0);
    expect(await upload.events()).toEqual([]);
  });

  it('ends a pull that is held, and hands back nothing, when it is told to stop', async () => {
    const worker = await world().worker({}, PULLER).ready();
    await expect.poll(() => stats().requests.PullEvent.total).toBeGreaterThan(0);
    expect(await worker.end('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(await worker.line(({ msg }) => msg === 'worker has stopped')).toMatchObject({ drained: true });
  });
});
