import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../src/demo/free-port.ts';
import { startEmulator } from '../../src/emulator/server.ts';
import { expectNoHoldSince, holdIn, isLocalHold, readiness } from '../support/holds.ts';
import { useWorld } from '../support/use-world.ts';
import { SECRET_ID, SECRET_KEY } from '../support/world.ts';

const HOUR_MS = 3_600_000;

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
      own: { hold: 'blocked', code: 'HTTP_403', reason: /check VOD_ENDPOINT .*and any proxy or firewall/ },
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
      [...Array(16).keys()].map((index) => source(`${name.replaceAll(' ', '-')}-${index}.mp4`, 1000)),
    );
    const uploads = await world().uploads.addMany(paths.map((path) => ({ source: path })));
    await inits.reached(8);
    const bad = await world()
      .worker({ ...env, VOD_ENDPOINT: await endpoint() }, stages)
      .ready();
    const line = await bad.line(isLocalHold);
    expect(line).toMatchObject({ hold: own.hold, code: own.code, reason: expect.stringMatching(own.reason) });
    expect(await bad.metric('vod_worker_out', { reason: own.hold })).toBe(1);
    expect(await readiness(bad)).toEqual({ status: 503, text: expect.stringMatching(own.reason) });
    inits.open();
    const results = await Promise.all(uploads.map((upload) => upload.result()));
    expect(results.every(({ outcome }) => outcome === 'completed')).toBe(true);
    expectNoHoldSince(line, good, bad);
    expect(await holdIn(world())).toBeNull();
    expect(stats().requests.InitUpload.byResult).toEqual({ 0: 16 });
  });
});
