import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../src/demo/free-port.ts';
import { startEmulator } from '../../src/emulator/server.ts';
import { type Upload, VodUploads } from '../../src/index.ts';
import type { LogLine } from '../support/process.ts';
import { grantDocumentedRights, startRedis } from '../support/redis.ts';
import { withQueue } from '../support/seed.ts';
import { useWorld } from '../support/use-world.ts';
import { SECRET_ID, SECRET_KEY, type WorkerProcess, type World } from '../support/world.ts';

const WRONG_KEY = 'another0key0than0the0accounts';
const HOUR_MS = 3_600_000;

const saysOwn = ({ msg }: LogLine): boolean =>
  String(msg).startsWith('vod answers others, and not this worker');
const saysHeld = ({ msg }: LogLine): boolean => String(msg).endsWith('queues are held and probed');
const ofUploads = ({ stages }: LogLine): boolean => String(stages) === 'init,part,finish';

/** What a worker's /readyz answers. */
async function readiness(worker: WorkerProcess): Promise<{ status: number; text: string }> {
  const { statusUrl } = await worker.line(({ msg }) => msg === 'worker is ready');
  const response = await fetch(`${statusUrl}/readyz`);
  return { status: response.status, text: await response.text() };
}

/** Once a process has taken itself out it does not hold the others. */
function expectNoHoldSince(own: LogLine, ...workers: readonly WorkerProcess[]): void {
  const held = workers.flatMap(({ lines }) => lines.filter(saysHeld));
  expect(held.filter((line) => ofUploads(line) && String(line.time) > String(own.time))).toEqual([]);
}

async function holdIn(world: World): Promise<string | null> {
  return await withQueue(world, (redis, key) => redis.get(key('vod-hold')));
}

describe.each([-10002, 4100] as const)('a key that is refused with %i', (signatureCode) => {
  const { world, source, stats } = useWorld({ signatureCode });

  const add = async (count: number): Promise<Upload[]> => {
    const paths = await Promise.all(
      [...Array(count).keys()].map((index) => source(`key${signatureCode}-${index}.mp4`, 1000)),
    );
    return await world().uploads.addMany(paths.map((path) => ({ source: path })));
  };
  const outcomes = async (uploads: readonly Upload[]): Promise<string[]> =>
    (await Promise.all(uploads.map((upload) => upload.result()))).map(({ outcome }) => outcome);

  it('takes its worker out, and no other: that one carries out all uploads', async () => {
    const good = await world().worker().ready();
    expect(await good.line(({ msg }) => msg === 'key accepted')).toMatchObject({ code: '-10005' });
    const bad = await world().worker({ VOD_SECRET_KEY: WRONG_KEY }).ready();
    expect(await bad.line(({ msg }) => String(msg).startsWith('key refused'))).toMatchObject({
      code: String(signatureCode),
      reason: expect.stringContaining('VOD_SECRET_KEY'),
    });
    // Nothing is to be done: the good one finds out for the other that VOD answers it.
    const own = await bad.line((line) => saysOwn(line) && ofUploads(line));
    expect(own).toMatchObject({ hold: 'account', code: String(signatureCode) });
    expect(await readiness(bad)).toEqual({
      status: 503,
      text: expect.stringMatching(/^VOD answers other workers, and not this one: .*VOD_SECRET_KEY/),
    });
    expect((await readiness(good)).status).toBe(200);
    expect(await bad.metric('vod_worker_out', { reason: 'account' })).toBe(1);
    expect(await bad.metric('vod_worker_running', { queue: 'vod-init' })).toBe(0);
    expect(await bad.metric('vod_worker_running', { queue: 'vod-hash' })).toBe(1);
    expect(await good.metric('vod_worker_out')).toBe(0);

    expect(await outcomes(await add(20))).toEqual(Array(20).fill('completed'));
    // Not one of their requests was the bad one's.
    for (const action of ['InitUpload', 'UploadPart', 'FinishUpload'] as const) {
      expect(stats().requests[action].byResult).toEqual({ 0: 20 });
    }
    expect(await holdIn(world())).toBeNull();
    expectNoHoldSince(own, good, bad);
  });

  it('holds the queues when there is no other worker, until one comes', async () => {
    const bad = await world().worker({ VOD_SECRET_KEY: WRONG_KEY }).ready();
    const uploads = await add(5);
    await bad.line((line) => saysHeld(line) && ofUploads(line));
    expect((await uploads[0]?.status())?.progress.hold).toMatchObject({
      kind: 'account',
      code: String(signatureCode),
      message: expect.stringContaining('VOD_SECRET_KEY'),
    });
    // What is everybody's trouble is not told as its own.
    expect((await readiness(bad)).status).toBe(200);
    expect(await bad.metric('vod_worker_out')).toBe(0);
    await world().worker().ready();
    expect(await outcomes(uploads)).toEqual(Array(5).fill('completed'));
    await bad.line((line) => saysOwn(line) && ofUploads(line));
    expect(await holdIn(world())).toBeNull();
    expect(stats().requests.InitUpload.byResult).toEqual({ 0: 5 });
  });

  it('is probed, and its worker goes on by itself when it is mended', async () => {
    const keyFile = join(world().sources, '..', `key${signatureCode}`);
    await writeFile(keyFile, WRONG_KEY);
    const good = await world().worker().ready();
    const bad = await world().worker({ VOD_SECRET_KEY: '', VOD_SECRET_KEY_FILE: keyFile }).ready();
    await bad.line((line) => saysOwn(line) && ofUploads(line));
    await good.end('SIGTERM');
    const uploads = await add(5);
    await writeFile(`${keyFile}.new`, SECRET_KEY);
    await rename(`${keyFile}.new`, keyFile);
    await bad.line((line) => line.msg === 'vod answers; this worker goes on' && ofUploads(line));
    expect(await outcomes(uploads)).toEqual(Array(5).fill('completed'));
    await expect.poll(() => readiness(bad)).toMatchObject({ status: 200 });
    expect(await bad.metric('vod_worker_out')).toBe(0);
    expect(await bad.metric('vod_worker_running', { queue: 'vod-init' })).toBe(1);
  });
});

describe('a Redis user without the right to TIME', () => {
  const { world, source } = useWorld();

  it('gets a worker that says what it can not do, and carries out uploads', async () => {
    const { port } = await startRedis({});
    const admin = new Redis({ port });
    onTestFinished(() => admin.disconnect());
    await grantDocumentedRights(admin, { prefix: world().prefix, password: 'p' });
    await admin.acl('SETUSER', 'uploads', '-time');
    const worker = await world()
      .worker({ REDIS_URL: `redis://uploads:p@127.0.0.1:${port}` })
      .ready();
    expect(await worker.line(({ msg }) => String(msg).includes('+time'))).toMatchObject({ level: 'warn' });
    const uploads = new VodUploads({ connection: `redis://127.0.0.1:${port}`, prefix: world().prefix });
    onTestFinished(() => uploads.close());
    const upload = await uploads.add({ source: await source('no-time.mp4', 1000) });
    expect((await upload.result()).outcome).toBe('completed');
  });
});

describe('a worker that calls no VOD', () => {
  const { world } = useWorld();

  it('checks no key, and needs none', async () => {
    const env = { VOD_SECRET_ID: '', VOD_SECRET_KEY: '' };
    const worker = await world().worker(env, ['--stages', 'upload,hash,webhook']).ready();
    expect(worker.output).not.toMatch(/key (accepted|refused|not checked)/);
    expect(await worker.metric('vod_accounts')).toBe(0);
  });
});

describe('a trouble of one machine', () => {
  const { world, source, gate, stats } = useWorld();

  /** What a machine sees in VOD's place. @returns its address */
  async function answering(listener: RequestListener): Promise<string> {
    const server = createServer((request, response) => {
      request.resume().on('end', () => listener(request, response));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close().closeAllConnections());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v2/index.php`;
  }

  /** VOD as it is to a machine whose clock is ahead of it. */
  async function vodBehind(ms: number): Promise<string> {
    const dataDir = await mkdtemp(join(tmpdir(), 'vod-behind-'));
    const account = { secretId: SECRET_ID, secretKey: SECRET_KEY };
    const emulator = await startEmulator({ dataDir, ...account, clock: () => Date.now() - ms });
    onTestFinished(async () => {
      await emulator.close();
      await rm(dataDir, { recursive: true });
    });
    return emulator.url;
  }

  it.each([
    {
      name: 'its clock is wrong',
      endpoint: () => vodBehind(3 * HOUR_MS + 120_000),
      own: { hold: 'clock', code: '4500', reason: /This machine's clock is 3 h 2 min ahead of VOD's/ },
    },
    {
      name: 'a firewall refuses',
      endpoint: () => answering((_request, response) => response.writeHead(403).end('<h1>No</h1>')),
      own: { hold: 'blocked', code: 'HTTP_403', reason: /check VOD_ENDPOINT and any proxy or firewall/ },
    },
    {
      name: 'a proxy wants a login',
      endpoint: () =>
        answering((_request, response) =>
          response.writeHead(302, { location: 'http://login.example/' }).end(),
        ),
      own: { hold: 'blocked', code: 'REDIRECT', reason: /login\.example/ },
    },
    {
      name: 'a page comes for a reply',
      endpoint: () => answering((_request, response) => response.end('<html>Welcome to the hotel</html>')),
      own: { hold: 'blocked', code: 'MALFORMED_REPLY', reason: /Welcome to the hotel/ },
    },
    {
      name: 'nobody is reached',
      endpoint: async () => `http://127.0.0.1:${await freePort()}/v2/index.php`,
      own: { hold: 'outage', code: 'NETWORK', reason: /connection refused/ },
    },
  ])('takes its worker out, and costs no attempt: $name', async ({ name, endpoint, own }) => {
    const env = { PART_ATTEMPTS: '1' };
    const stages = ['--stages', 'upload,hash,init,part,finish,webhook'];
    const good = await world().worker(env, stages).ready();
    // It is at work on as many as it can, and gets no reply: the others are for the bad one.
    const inits = gate({ action: 'InitUpload' });
    const paths = await Promise.all(
      [...Array(30).keys()].map((index) => source(`${name.replaceAll(' ', '-')}-${index}.mp4`, 1000)),
    );
    const uploads = await world().uploads.addMany(paths.map((path) => ({ source: path })));
    await inits.reached(8);
    const bad = await world()
      .worker({ ...env, VOD_ENDPOINT: await endpoint() }, stages)
      .ready();
    const line = await bad.line(saysOwn);
    expect(line).toMatchObject({ hold: own.hold, code: own.code, reason: expect.stringMatching(own.reason) });
    expect(await bad.metric('vod_worker_out', { reason: own.hold })).toBe(1);
    expect(await readiness(bad)).toEqual({ status: 503, text: expect.stringMatching(own.reason) });
    inits.open();
    const results = await Promise.all(uploads.map((upload) => upload.result()));
    expect(results.every(({ outcome }) => outcome === 'completed')).toBe(true);
    expectNoHoldSince(line, good, bad);
    expect(await holdIn(world())).toBeNull();
    expect(stats().requests.InitUpload.byResult).toEqual({ 0: 30 });
  });
});
