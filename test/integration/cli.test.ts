import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRedisServer } from '../../src/demo/redis-server.ts';
import { type ControlClient, controlClient } from '../../src/emulator/control/client.ts';
import { CliProcess, type Ended } from '../support/cli-process.ts';
import { sha1Of, writeRandomFile } from '../support/files.ts';
import { api3CallerOf, cosCallerOf } from '../unit/emulator/api3-support.ts';

/*
 * Runs every command as a process, with Redis, an emulator and a worker as processes too. The emulator and the worker
 * are started with the command line.
 */

const prefix = `{cli-${randomBytes(5).toString('hex')}}`;
const undo: (() => Promise<unknown>)[] = [];
let env: Record<string, string>;
/** The working directory of all commands, and therefore the only source root. */
let videos: string;
let outside: string;
let control: ControlClient;
let emulator: CliProcess;
let worker: CliProcess;
let seed = 0;

function start(args: readonly string[], more: Record<string, string> = {}): CliProcess {
  return new CliProcess(args, { env: { ...env, ...more }, cwd: videos });
}

async function run(args: readonly string[], more: Record<string, string> = {}): Promise<Ended> {
  return await start(args, more).ended;
}

/** Runs a command with `--json` and parses its standard output as JSON lines. */
async function json(args: readonly string[], more: Record<string, string> = {}) {
  const ended = await run([...args, '--json'], more);
  // biome-ignore lint/suspicious/noExplicitAny: tests read single fields
  const records: any[] =
    ended.stdout === ''
      ? []
      : ended.stdout
          .replace(/\n$/, '')
          .split('\n')
          .map((line) => JSON.parse(line));
  return { ...ended, records, record: records[0] };
}

async function video(name: string, bytes = 1_500_000): Promise<string> {
  seed += 1;
  return await writeRandomFile(join(videos, name), bytes, seed);
}

const withoutWorker = { QUEUE_PREFIX: `${prefix}-alone` };

/** A command without Redis: it waits 5 s, while the other tests run. */
let withoutRedis: ReturnType<typeof json>;

beforeAll(async () => {
  const dir = await realpath(await mkdtemp(join(tmpdir(), 'vod-cli-')));
  undo.push(() => rm(dir, { recursive: true, force: true }));
  videos = join(dir, 'videos');
  outside = join(dir, 'outside');
  await mkdir(videos);
  await mkdir(outside);
  const redis = await startRedisServer({ dir: join(dir, 'redis') });
  undo.push(() => redis.stop());
  env = { REDIS_URL: redis.url, QUEUE_PREFIX: prefix };
  emulator = start([
    'emulator',
    '--port',
    '0',
    '--control-port',
    '0',
    '--data',
    join(dir, 'vod'),
    '--quota',
    '0,0,0',
  ]);
  undo.push(() => end(emulator));
  const [, controlUrl = ''] = await emulator.wrote(/control +(http\S+)/);
  control = controlClient(controlUrl);
  await emulator.wrote(/Ctrl-C/);
  const [ofV2 = ''] = emulator.stdout.split('worker that uses API 3.0');
  const variables = [...ofV2.matchAll(/^ +(VOD_[A-Z_]+)=(\S+)$/gm)].map(([, name, value]) => [name, value]);
  worker = start(['worker'], {
    ...Object.fromEntries(variables),
    SOURCE_ROOTS: videos,
    BACKOFF_BASE_MS: '50',
    SHUTDOWN_TIMEOUT_MS: '2000',
  });
  undo.push(() => end(worker));
  await worker.wrote(/worker is ready/);
  await video('nowhere.mp4', 10);
  withoutRedis = json(['add', 'nowhere.mp4', '--wait'], { REDIS_URL: 'redis://127.0.0.1:1' });
});

afterAll(async () => {
  for (const step of undo.reverse()) await step();
});

async function end(process: CliProcess): Promise<void> {
  process.signal('SIGTERM');
  const { exitCode, stderr } = await process.ended;
  expect({ exitCode, stderr: exitCode === 0 ? '' : stderr }).toEqual({ exitCode: 0, stderr: '' });
}

describe('add --wait', () => {
  test('with --json prints one line on standard output, and the video is in VOD', async () => {
    const file = await video('happy.mp4');
    const { exitCode, stdout, stderr, records, record } = await json([
      'add',
      'happy.mp4',
      '--wait',
      '--tag',
      'a',
      '--tag',
      'b',
    ]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout.split('\n')).toHaveLength(2);
    expect(records).toHaveLength(1);
    expect(record).toMatchObject({
      created: true,
      outcome: 'completed',
      source: file,
      name: 'happy',
      type: 'mp4',
      fileSha: await sha1Of(file),
      fileSize: 1_500_000,
      partsSent: 2,
      partsSkipped: 0,
      bytesSent: 1_500_000,
    });
    expect(record.fileId).toMatch(/^\d{19}$/);
    expect(record.durationMs).toBeGreaterThan(0);
    expect(record).not.toHaveProperty('error');
    const stored = (await control.stats()).files.find(({ fileId }) => fileId === record.fileId);
    expect(stored).toMatchObject({ fileSha: record.fileSha, url: record.url, tags: ['a', 'b'] });
  });

  test('without --json prints stages on standard error and the video on standard output', async () => {
    await video('people.mp4');
    const gate = { kind: 'gate', name: 'people' } as const;
    await control.inject({ action: 'UploadPart', effect: gate, count: 3 });
    const waiting = start(['add', 'people.mp4', '--wait', '--part-size', '512k']);
    // Without the gate the upload could end before the command first reads its state.
    await waiting.wrote(/people\.mp4: uploading/);
    await control.openGate(gate.name);
    const { exitCode, stdout, stderr } = await waiting.ended;
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /^people\.mp4: completed in .*, sent 1\.4 MiB in 3 parts\n {2}fileId {2}\d{19}\n {2}url {5}http/,
    );
    expect(stderr).toMatch(/people\.mp4: uploading.*\n(.*\n)*people\.mp4: completed\n$/);
  });

  test('prints one object per file, also for files that VOD has already', async () => {
    await Promise.all([video('one.mp4'), video('two.mov')]);
    await run(['add', 'one.mp4', '--wait']);
    const { exitCode, records } = await json(['add', 'one.mp4', 'two.mov', '--wait']);
    expect(exitCode).toBe(0);
    expect(Object.fromEntries(records.map(({ name, outcome }) => [name, outcome]))).toEqual({
      one: 'instant',
      two: 'completed',
    });
  });

  test('reports a name that was shortened', async () => {
    const long = 'ä'.repeat(30);
    await video(`${long}.mp4`);
    const { exitCode, stderr, record } = await json(['add', `${long}.mp4`, '--wait']);
    expect(exitCode).toBe(0);
    expect(record.name).toBe('ä'.repeat(20));
    expect(stderr).toContain(`its name in VOD will be "${'ä'.repeat(20)}"`);
  });

  test('uploads a file of an unusual type, and reports it', async () => {
    await video('old.divx');
    const { exitCode, stderr, record } = await json(['add', 'old.divx', '--wait']);
    expect(exitCode).toBe(0);
    expect(record).toMatchObject({ type: 'divx', outcome: 'completed' });
    expect(stderr).toContain('old.divx: divx is not a usual video type, VOD may refuse it');
  });

  test('exits with 1 after a failure and prints its code; retry --wait then succeeds', async () => {
    await video('refused.mp4');
    await control.inject({
      action: 'InitUpload',
      effect: { kind: 'code', code: -10_003, canRetry: 0, message: 'no such class' },
    });
    const { exitCode, records, record, stderr } = await json(['add', 'refused.mp4', '--wait']);
    expect(exitCode).toBe(1);
    expect(records).toHaveLength(1);
    expect(record).toMatchObject({
      outcome: 'failed',
      fileId: null,
      error: { code: '-10003', message: expect.stringContaining('no such class'), retryable: false },
    });
    expect(stderr).toMatch(/^vod-upload: refused\.mp4 failed: .*no such class.* \[-10003\]\n/);
    const [listed, status] = await Promise.all([
      json(['list', '--state', 'failed']),
      run(['status', record.id]),
    ]);
    expect(listed.records.map(({ id }) => id)).toContain(record.id);
    expect(status.exitCode).toBe(0);
    expect(status.stdout).toMatch(/state +failed\n/);
    expect(status.stdout).toContain(`vod-upload retry ${record.id}`);
    const again = await json(['retry', record.id, '--wait']);
    expect(again.exitCode).toBe(0);
    expect(again.record).toMatchObject({ id: record.id, outcome: 'completed', attempt: 2 });
  });

  test('exits with 1 when the upload is cancelled meanwhile', async () => {
    await video('unwanted.mp4');
    await control.inject({ action: 'UploadPart', effect: { kind: 'hang', when: 'before' } });
    const waiting = start(['add', 'unwanted.mp4', '--wait', '--key', 'unwanted']);
    await waiting.wrote(/unwanted\.mp4: uploading/);
    const { record } = await json(['add', 'unwanted.mp4', '--key', 'unwanted']);
    expect(record).toMatchObject({ created: false, outcome: 'uploading', fileSize: 1_500_000, fileId: null });
    expect(await run(['cancel', record.id])).toMatchObject({
      exitCode: 0,
      stdout: `${record.id}  unwanted.mp4: cancelled\n`,
    });
    const { exitCode, stdout, stderr } = await waiting.ended;
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toContain(`vod-upload: unwanted.mp4 was cancelled (vod-upload retry ${record.id} resumes`);
    expect(await json(['retry', record.id, '--wait'])).toMatchObject({
      exitCode: 0,
      record: { outcome: 'completed' },
    });
  });

  test('exits with 130 at SIGINT and says that the workers continue the upload', async () => {
    await video('interrupted.mp4');
    const waiting = start(['add', 'interrupted.mp4', '--wait'], withoutWorker);
    await waiting.wrote(/interrupted\.mp4: queued/);
    waiting.signal('SIGINT');
    const { exitCode, stdout, stderr } = await waiting.ended;
    expect(exitCode).toBe(130);
    expect(stdout).toBe('');
    const [, id = ''] =
      /the workers continue interrupted\.mp4\n +follow it: vod-upload status (\S+)\n/.exec(stderr) ?? [];
    expect(stderr).toContain(`vod-upload cancel ${id}`);
    expect((await json(['status', id], withoutWorker)).record).toMatchObject({ outcome: 'queued' });
  });
});

describe('without --wait', () => {
  test('prints the id and the status command; status, list and cancel find the upload', async () => {
    await video('later.mp4');
    const added = await run(['add', 'later.mp4', '--delay', '1h']);
    expect(added.exitCode).toBe(0);
    const [, id = ''] =
      /^(\S+) {2}later\.mp4: queued\nfollow it: vod-upload status \1\n$/.exec(added.stdout) ?? [];
    const [status, list] = await Promise.all([json(['status', id]), run(['list', '--state', 'queued'])]);
    expect(status.record).toMatchObject({ id, outcome: 'queued', name: 'later', fileId: null });
    expect(list.stdout).toMatch(new RegExp(`^ID .*\n(.*\n)*${id} +queued .*later\\.mp4\n`));
    const cancelled = await json(['cancel', id]);
    expect(cancelled).toMatchObject({
      exitCode: 0,
      record: { id, outcome: 'cancelled', error: { code: 'CANCELLED' } },
    });
    expect((await run(['list', '--state', 'queued'])).stdout).not.toContain(id);
  });

  test('enqueues a key once; a second add returns the first upload', async () => {
    await video('keyed.mp4');
    const add = ['add', 'keyed.mp4', '--key', 'order-42'];
    const first = await json(add);
    expect(first.record).toMatchObject({ created: true, outcome: 'queued', key: 'order-42' });
    const waited = await json([...add, '--wait']);
    expect(waited.record).toMatchObject({ id: first.record.id, created: false, outcome: 'completed' });
    const { id } = first.record;
    const [third, cancelled, retried] = await Promise.all([
      json(add),
      run(['cancel', id]),
      run(['retry', id]),
    ]);
    expect(third).toMatchObject({
      exitCode: 0,
      record: { created: false, outcome: 'completed', fileId: waited.record.fileId },
    });
    expect(cancelled).toMatchObject({ exitCode: 1, stdout: '' });
    expect(cancelled.stderr).toContain('it has already completed');
    expect(retried.exitCode).toBe(2);
    expect(retried.stderr).toContain('only a failed or cancelled one');
  });

  test('enqueues a file that only workers can see', async () => {
    const unseen = join(videos, 'unseen.mp4');
    const { exitCode, record } = await json(['add', unseen, '--no-check-source'], withoutWorker);
    expect(exitCode).toBe(0);
    expect(record).toMatchObject({ outcome: 'queued', source: unseen });
  });
});

describe.concurrent('wrong input exits with 2, and nothing is enqueued', () => {
  beforeAll(async () => {
    await Promise.all([video('ok.mp4', 10), video('right.mp4', 10), writeFile(join(outside, 'o.mp4'), 'x')]);
  });

  test.each([
    ['an unknown option', ['add', 'x.mp4', '--bogus'], "unknown option '--bogus'"],
    ['a missing file', ['add', 'missing.mp4'], 'missing.mp4 does not exist'],
    ['a directory', ['add', '.', '--type', 'mp4'], 'directory'],
    [
      'a file outside the roots',
      ['add', '../outside/o.mp4'],
      'SOURCE_ROOTS is not set: files must be inside the working directory, ',
    ],
    ['a bad name', ['add', 'ok.mp4', '--name', 'a/b'], 'ok.mp4: name contains /'],
    ['a bad priority', ['add', 'ok.mp4', '--priority', '11'], 'priority must be from 1'],
    ['an unknown upload', ['status', 'nope'], 'there is no upload nope'],
    ['an unknown state', ['list', '--state', 'nope'], 'state must be one of queued'],
  ])('%s', async (_, args, words) => {
    const { exitCode, stdout, stderr } = await run(args, withoutWorker);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(/^vod-upload: /);
    expect(stderr).toContain(words);
  });

  test('names every wrong file, and with --json prints an object for every file', async () => {
    const before = (await json(['list'], withoutWorker)).records.length;
    const { exitCode, stderr, records } = await json(
      ['add', 'gone.mp4', 'right.mp4', '../outside/o.mp4'],
      withoutWorker,
    );
    expect(exitCode).toBe(2);
    expect(records.map(({ id, outcome, error }) => [id, outcome, error.code])).toEqual([
      [null, null, 'SOURCE_NOT_FOUND'],
      [null, null, 'NOT_ENQUEUED'],
      [null, null, 'SOURCE_OUTSIDE_ROOTS'],
    ]);
    expect(stderr).toContain('nothing was enqueued: 2 of 3 files are wrong');
    expect((await json(['list'], withoutWorker)).records).toHaveLength(before);
  });
});

test('a command without Redis fails and prints the reason', async () => {
  const { exitCode, record, stderr } = await withoutRedis;
  expect(exitCode).toBe(1);
  expect(record).toMatchObject({ outcome: null, error: { code: 'REDIS_UNAVAILABLE', retryable: true } });
  expect(stderr).toMatch(
    /^vod-upload: Redis at redis:\/\/127\.0\.0\.1:1\/? did not answer within 5 s .*ECONNREFUSED.*\n$/,
  );
});

test('an emulator reports that its port is in use', async () => {
  const [, port = ''] = /VOD_ENDPOINT=http:\/\/127\.0\.0\.1:(\d+)\//.exec(emulator.stdout) ?? [];
  const { exitCode, stderr } = await run(['emulator', '--port', port, '--data', join(videos, '..', 'vod2')]);
  expect(exitCode).toBe(1);
  expect(stderr).toContain(`127.0.0.1:${port}: the port is in use`);
});

test('an emulator takes the options of API 3.0 and COS', async () => {
  const options = [
    ...['--sub-app-id', '7', '--session-life', '1m', '--second-commit', 'same', '--path-mode'],
    ...['--quota-per-second', 'CommitUpload=100', '--deny', 'HeadObject', '--no-crc64'],
  ];
  const ports = ['--port', '0', '--control-port', '0'];
  const data = join(outside, 'vod-api3');
  const own = start(['emulator', ...ports, '--data', data, '--json', ...options], { LOG_LEVEL: 'silent' });
  const [line] = await own.wrote(/^\{.*\}$/m);
  const { api3Variables } = JSON.parse(line ?? '') as { api3Variables: Record<string, string> };
  expect(api3Variables).toMatchObject({ VOD_API: '2018-07-17', VOD_SUB_APP_ID: '7' });
  const { VOD_ENDPOINT = '', VOD_COS_ENDPOINT = '' } = api3Variables;
  expect(VOD_COS_ENDPOINT).toBe(`${VOD_ENDPOINT}{bucket}`);
  const keys = { secretId: 'AKIDemulator', secretKey: 'emulator-secret-key' };
  const call = api3CallerOf({ api3Url: VOD_ENDPOINT });
  const send = async (action: string, params: object) => (await call(action, params, keys)).json;
  expect((await send('ApplyUpload', { MediaType: 'mp4' })).Error.Code).toMatch(/SubAppId$/);
  const path = { MediaType: 'mp4', SubAppId: 7, MediaStoragePath: '/a/b.mp4' };
  const before = Math.floor(Date.now() / 1000);
  const applied = await send('ApplyUpload', path);
  expect(applied.TempCertificate.ExpiredTime - before).toBeLessThan(120);
  const cos = cosCallerOf({ api3Url: VOD_ENDPOINT }, applied);
  expect((await cos('PUT', { body: Buffer.from('video') })).headers).not.toHaveProperty(
    'x-cos-hash-crc64ecma',
  );
  expect((await cos('HEAD')).status).toBe(403);
  const { VodSessionKey } = applied;
  const commit = () => send('CommitUpload', { VodSessionKey, SubAppId: 7 });
  expect((await commit()).FileId).toBe((await commit()).FileId);
  await end(own);
});

test('a worker without credentials and roots names the variables', async () => {
  const { exitCode, stderr } = await run(['worker']);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/VOD_SECRET_ID .*\n.*VOD_SECRET_KEY .*\n.*SOURCE_ROOTS is not set: .*\/srv\/videos/);
});

test.each(['hash', 'part'])('a worker of the stage %s without roots names their variable', async (stage) => {
  const { exitCode, stderr } = await run(['worker', '--stages', stage], {
    ...{ VOD_SECRET_ID: 'x', VOD_SECRET_KEY: 'x' },
  });
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/^vod-upload: Configuration is wrong:\n {2}- SOURCE_ROOTS is not set: .*\n$/);
});

test('a closed standard output is no error', async () => {
  const ports = ['--port', '0', '--control-port', '0'];
  const unread = start(['emulator', ...ports, '--data', join(outside, 'vod')], { LOG_LEVEL: 'silent' });
  unread.child.stdout?.destroy();
  expect(await unread.ended).toMatchObject({ exitCode: 0, stderr: '' });
});
