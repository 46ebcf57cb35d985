import { Queue } from 'bullmq';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Upload, type UploadOptions, VodUploads } from '../../src/index.ts';
import { CliProcess } from '../support/cli-process.ts';
import { ALL } from '../support/use-transcodings.ts';
import { useWorld } from '../support/use-world.ts';

/* Events and transcoding by API 3.0. What does not depend on the API is tested with v2. */

const { world, source, inject, stats } = useWorld({ api: '2018-07-17', transcodeMs: 0 });

const WITHOUT_EVENTS = ['--stages', 'upload,hash,init,part,finish,transcode'];

/** Adds an upload of a new file whose video goes through a task flow. */
async function addWithFlow(name: string, options: Partial<UploadOptions> = {}): Promise<Upload> {
  const flow = { transcode: 'after', procedure: 'flow', waitFor: 'transcoded' } as const;
  return await world().uploads.add({ source: await source(name, 1000), ...flow, ...options });
}

/** The requests ProcessMediaByProcedure. */
const flows = () => stats().requests.ProcessMediaByProcedure;

const cli = (...args: string[]) =>
  new CliProcess(args, {
    env: {
      ...{ REDIS_URL: world().redisUrl, QUEUE_PREFIX: world().prefix, SOURCE_ROOTS: world().sources },
      VOD_API: '2018-07-17',
    },
    cwd: world().sources,
  }).ended;

describe('events of API 3.0', () => {
  it('are pulled, joined to their upload, confirmed, and shown', async () => {
    const worker = world().worker({}, ALL);
    const upload = await world().uploads.add({ source: await source('joined.mp4', 1000), procedure: 'flow' });
    const { fileId } = await upload.result();
    const events = async () => (await upload.events()).map(({ via, event }) => ({ via, ...event }));
    await expect.poll(async () => (await events()).length).toBe(2);
    // They are pulled together and joined in any order.
    expect((await events()).sort((a, b) => (a.type < b.type ? -1 : 1))).toMatchObject([
      { via: 'pull', type: 'NewFileUpload', data: { fileId, fileName: 'joined', sourceType: 'Upload' } },
      { via: 'pull', type: 'ProcedureStateChanged', data: { fileId, status: 'FINISH', errCode: 0 } },
    ]);
    world().emulator.control.emit({
      eventType: 'RestoreMediaComplete',
      data: { RestoreMediaCompleteEvent: { FileId: fileId, Status: 0 } },
    });
    await expect
      .poll(events)
      .toContainEqual(expect.objectContaining({ type: 'other', eventType: 'RestoreMediaComplete' }));
    await expect.poll(() => stats().events).toMatchObject({ redelivered: 0, pending: 0 });
    const joined = { type: 'ProcedureStateChanged', via: 'pull', outcome: 'joined' };
    await expect.poll(() => worker.metric('vod_events_total', joined)).toBe(1);
    const { stdout } = await cli('status', upload.id);
    expect(stdout).toMatch(/\nevent +NewFileUpload +20/);
    expect(stdout).toMatch(/\nevent +ProcedureStateChanged +20/);
    const { history } = await world().uploads.details(upload.id);
    expect(history.map(({ text }) => text)).toEqual(
      expect.arrayContaining(['VOD sent NewFileUpload', 'VOD sent ProcedureStateChanged']),
    );
  });

  it('are pulled and confirmed within the account’s quota', async () => {
    world().emulator.control.emit({ eventType: 'Lonely', data: { first: 1 } });
    const { pending } = stats().events;
    // One request of each action in 24 minutes.
    const env = { VOD_QUOTA_PER_SECOND: '1', VOD_QUOTA_WINDOW_MS: '86400000' };
    const worker = await world().worker(env, ['--stages', 'events']).ready();
    await expect.poll(() => stats().events.confirmed).toBe(pending);
    world().emulator.control.emit({ eventType: 'Lonely', data: { second: 2 } });
    expect((await worker.end('SIGTERM')).code).toBe(0);
    const { requests, events } = stats();
    expect(requests).toMatchObject({ PullEvents: { total: 1 }, ConfirmEvents: { total: 1 } });
    expect(events.pending).toBe(1);
  });

  it('are accepted by HTTP, and the pulled copy is recognized', async () => {
    const path = '/a-Path_that0nobody1guesses';
    const ops = await world().ops({ EVENT_CALLBACK_PATH: path }).ready();
    world().worker({}, WITHOUT_EVENTS);
    const upload = await addWithFlow('callback.mp4');
    await expect.poll(() => flows().byResult).toEqual({ ok: 1 });
    const { fileId = '' } = stats().files.find(({ name }) => name === 'callback') ?? {};
    // What VOD will also deliver to PullEvents, there with the fields of all other events, which are null.
    const event = { FileId: fileId, Status: 0, Message: 'restored' };
    const content = { EventType: 'RestoreMediaComplete', RestoreMediaCompleteEvent: event };
    const post = async (body: object): Promise<number> => {
      const headers = { 'content-type': 'application/json' };
      return (await fetch(`${ops.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) }))
        .status;
    };
    expect(await post(content)).toBe(200);
    expect(await post({ EventType: 7 })).toBe(400);
    world().emulator.control.emit({
      eventType: 'RestoreMediaComplete',
      data: { RestoreMediaCompleteEvent: { ...event, Extra: null } },
    });
    world().worker({}, ['--stages', 'events']);
    expect((await upload.result()).fileId).toBe(fileId);
    await expect.poll(() => stats().events.pending).toBe(0);
    await expect
      .poll(async () => (await upload.events()).map(({ via, event: { eventType } }) => `${eventType} ${via}`))
      .toEqual(
        expect.arrayContaining([
          'NewFileUpload pull',
          'ProcedureStateChanged pull',
          'RestoreMediaComplete callback',
        ]),
      );
    const queue = new Queue('vod-event', { connection: { url: world().redisUrl }, prefix: world().prefix });
    onTestFinished(() => queue.close());
    const ofUpload = async () =>
      (await queue.getCompleted()).filter(({ returnvalue }) => returnvalue.outcome === 'joined');
    await expect.poll(async () => (await ofUpload()).length).toBe(3);
    expect(await queue.getJobCounts()).toMatchObject({ failed: 0, active: 0, waiting: 0 });
  });
});

describe('a task flow after the upload', () => {
  it('completes the upload when it ends, and is started once although the reply was lost', async () => {
    world().worker({}, ALL);
    inject({ action: 'ProcessMediaByProcedure', effect: { kind: 'reset', when: 'after' } });
    const upload = await addWithFlow('lost-reply.mp4');
    expect((await upload.result()).outcome).toBe('completed');
    expect(flows().byResult).toMatchObject({ 'InvalidParameterValue.SessionId': 1 });
    expect(stats().events.emitted).toMatchObject({ ProcedureStateChanged: 1 });
  });

  it('fails the upload when a task of it fails, or VOD refuses it', async () => {
    world().worker({}, ALL);
    const effect = { kind: 'code', code: 70000, canRetry: 0, message: 'no video in it' } as const;
    inject({ action: 'ProcedureStateChanged', effect });
    const impossible = await addWithFlow('no-video.mp4');
    await expect(impossible.result()).rejects.toMatchObject({
      code: 'TRANSCODE_FAILED',
      retryable: false,
      message: expect.stringMatching(
        /VOD has the video as fileId \d+, .*status 70000: Transcode: no video in it/,
      ),
    });
    inject({
      action: 'ProcessMediaByProcedure',
      effect: { kind: 'error', code: 'InvalidParameterValue.ProcedureName', message: 'no such flow' },
    });
    const refused = await addWithFlow('refused.mp4');
    await expect(refused.result()).rejects.toMatchObject({
      code: 'InvalidParameterValue.ProcedureName',
      retryable: false,
      message: expect.stringMatching(/VOD has the video as fileId \d+, .*: "no such flow"/),
    });
  });
});

it('vod-upload transcode runs a task flow on any video; without one it is refused', async () => {
  world().worker();
  const { fileId } = await (await world().uploads.add({ source: await source('any.mp4', 10) })).result();
  const [begun, without, flag] = await Promise.all([
    cli('transcode', fileId, '--procedure', 'flow', '--wait', '--json'),
    cli('transcode', fileId),
    cli('transcode', fileId, '--procedure', 'flow', '--screenshot'),
  ]);
  expect(begun).toMatchObject({ exitCode: 0, stderr: '' });
  expect(JSON.parse(begun.stdout)).toMatchObject({
    ...{ fileId, outcome: 'begun', vodTaskId: expect.stringMatching(/^procedurev2-/) },
  });
  expect(without).toMatchObject({ exitCode: 2, stdout: '' });
  expect(without.stderr).toContain('transcoding needs procedure with API 3.0');
  expect(flag).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('API 3.0 has no screenshot') });
  // By a producer that does not know the workers' API.
  const other = new VodUploads({ connection: world().redisUrl, prefix: world().prefix });
  onTestFinished(() => other.close());
  await expect((await other.transcode(fileId)).begun()).rejects.toMatchObject({
    code: 'UNSUPPORTED_OPTION',
    retryable: false,
    message: expect.stringContaining('transcoding needs procedure'),
  });
  expect(flows().total).toBe(1);
});
