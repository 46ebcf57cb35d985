import { rename, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { VodUploads } from '../../src/index.ts';
import { writeRandomFile } from '../support/files.ts';
import {
  everythingBelow,
  everythingIn,
  everythingOf,
  formsOf,
  SIGNED_URL,
  titlesOf,
} from '../support/leaks.ts';
import { startRedis } from '../support/redis.ts';
import { SECRET_ID, SECRET_KEY, type WorkerProcess, World } from '../support/world.ts';

const MIB = 1048576;
const WRONG_KEY = 'hunted0wrong0key0that0nobody0may0see';
const PASSWORD = 'hunted/redis pass@word';

let world: World;
let seed = 9000;
beforeAll(async () => {
  world = await World.create();
});
afterAll(() => world.close());

const source = (name: string, size: number): Promise<string> =>
  writeRandomFile(join(world.sources, name), size, ++seed);
const stats = () => world.emulator.control.stats();

function worker(env: Record<string, string>): WorkerProcess {
  const started = world.worker(env);
  onTestFinished(async () => void (await started.end()));
  return started;
}

function producer(connection: string): VodUploads {
  const uploads = new VodUploads({ connection, prefix: world.prefix });
  onTestFinished(() => uploads.close());
  return uploads;
}

/** A service that gives back in its replies all that it was told, in turns as redirect, refusal, page and reset. */
async function echoingService(): Promise<{ url: string; signatures: string[] }> {
  const signatures: string[] = [];
  const replies: ((response: ServerResponse, url: string) => void)[] = [
    (response, url) => response.writeHead(302, { location: `http://127.0.0.1:1${url}` }).end(url),
    (response, url) =>
      response.end(JSON.stringify({ code: -10001, canRetry: 1, message: `asked for ${url}` })),
    (response, url) => response.end(`<html>${url}</html>`),
    (response) => void response.socket?.destroy(),
    (response, url) => response.writeHead(500).end(url),
  ];
  const server = createServer((request: IncomingMessage, response) => {
    const url = request.url ?? '';
    const signature = new URL(url, 'http://x').searchParams.get('Signature');
    if (signature !== null) signatures.push(signature);
    request.resume().on('end', () => replies[(signatures.length - 1) % replies.length]?.(response, url));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close().closeAllConnections());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v2/index.php`, signatures };
}

describe.each(['json', 'pretty'])('secrets are nowhere to be found (LOG_FORMAT=%s)', (format) => {
  test('after success and failure of every kind, at LOG_LEVEL=trace', async () => {
    const { port, dir, child } = await startRedis({
      appendonly: 'yes',
      appendfsync: 'always',
      rdbcompression: 'no',
      requirepass: PASSWORD.replaceAll(' ', '_'),
    });
    const password = PASSWORD.replaceAll(' ', '_');
    const redisUrl = `redis://default:${encodeURIComponent(password)}@127.0.0.1:${port}`;
    const echo = await echoingService();
    const found: Record<string, string> = {};
    const uploads = producer(redisUrl);
    const env = { REDIS_URL: redisUrl, LOG_LEVEL: 'trace', LOG_FORMAT: format, PART_ATTEMPTS: '5' };
    const workers: WorkerProcess[] = [];
    /** Runs `use` while a worker with these variables runs; then looks at all that can be seen of that. */
    const withWorker = async (name: string, more: Record<string, string>, use: () => Promise<void>) => {
      const running = worker({ ...env, ...more });
      workers.push(running);
      await expect.poll(() => running.output, { timeout: 20_000 }).toContain('worker is ready');
      await use();
      const statusUrl = /http:\/\/[\d.]+:\d+(?=")/.exec(running.output.replace(/.*endpoint/g, ''))?.[0];
      expect(statusUrl).toBeDefined();
      found[`metrics (${name})`] = await (await fetch(`${statusUrl}/metrics`)).text();
      found[`titles (${name})`] = await titlesOf(running.pid);
      return running;
    };

    const good = await withWorker('right key', {}, async () => {
      const completed = await uploads.add({ source: await source(`good-${format}.mp4`, 2 * MIB) });
      expect((await completed.result()).outcome).toBe('completed');
      for (const effect of [
        { kind: 'html' },
        { kind: 'reset', when: 'before' },
        { kind: 'http', status: 502 },
      ] as const) {
        world.emulator.control.inject({ effect });
      }
      const bumpy = await uploads.add({ source: await source(`bumpy-${format}.mp4`, 2 * MIB) });
      expect((await bumpy.result()).outcome).toBe('completed');
      world.emulator.control.inject({
        action: 'UploadPart',
        effect: { kind: 'code', code: -10006, canRetry: 0, message: 'bad size' },
      });
      const failing = await uploads.add({ source: await source(`failing-${format}.mp4`, 2 * MIB) });
      found['error of a failed upload'] = everythingOf(await failing.result().catch((error) => error));
      found['status of a failed upload'] = everythingOf(await failing.status());
      world.emulator.control.clearFaults();
    });
    await good.end('SIGTERM');

    const wrong = await withWorker('wrong key', { VOD_SECRET_KEY: WRONG_KEY }, async () => {
      await uploads.add({ source: await source(`refused-${format}.mp4`, 10) });
      const before = stats().requests.strayPart.total;
      await expect.poll(() => stats().requests.strayPart.total).toBeGreaterThan(before);
    });
    await wrong.end('SIGTERM');

    const echoed = await withWorker('a service that echoes', { VOD_ENDPOINT: echo.url }, async () => {
      await uploads.add({ source: await source(`echoed-${format}.mp4`, 10) });
      await expect.poll(() => echo.signatures.length, { timeout: 30_000 }).toBeGreaterThan(6);
    });

    const redis = new Redis(redisUrl);
    found.redis = await everythingIn(redis);
    redis.disconnect();
    found['files of redis'] = await everythingBelow(dir);
    // What the search finds, when it is there.
    expect(found.redis).toContain(`failing-${format}.mp4`);
    expect(found['files of redis']).toContain(`good-${format}.mp4`);

    const strangers = producer(redisUrl.replace(encodeURIComponent(password), WRONG_KEY));
    found['error of a wrong password'] = everythingOf(await strangers.list().catch((error) => error));
    await child.kill();
    await expect.poll(() => echoed.output, { timeout: 10_000 }).toContain('redis is away');
    found['error without redis'] = everythingOf(await uploads.list().catch((error) => error));
    expect(found['error without redis']).toContain('REDIS_UNAVAILABLE');
    found.producer = everythingOf(uploads);
    // However long Redis stays away.
    await uploads.close();
    for (const [index, running] of workers.entries()) found[`output of worker ${index}`] = running.output;

    const secrets = [SECRET_KEY, SECRET_ID, WRONG_KEY, password, ...echo.signatures].flatMap(formsOf);
    for (const [place, text] of Object.entries(found)) {
      for (const secret of secrets) expect(text.includes(secret), `${secret} in ${place}`).toBe(false);
      expect(SIGNED_URL.exec(text)?.[0], place).toBeUndefined();
    }
  });
});

test('a new key in a file is used without a restart', async () => {
  const keyFile = join(world.sources, '..', 'secret-key');
  await writeFile(keyFile, `${WRONG_KEY}\n`);
  const env = { VOD_SECRET_KEY: '', VOD_SECRET_KEY_FILE: keyFile, LOG_LEVEL: 'trace' };
  const running = await worker(env).ready();
  world.emulator.control.resetStats();
  await world.uploads.add({ source: await source('too-early.mp4', 10) });
  await expect
    .poll(() => stats().requests.strayPart.byResult)
    .toMatchObject({ '-10002': expect.any(Number) });
  await writeFile(`${keyFile}.new`, `${SECRET_KEY}\n`);
  await rename(`${keyFile}.new`, keyFile);
  const upload = await world.uploads.add({ source: await source('after.mp4', 2 * MIB) });
  expect(await upload.result()).toMatchObject({ outcome: 'completed' });
  await running.line(({ msg }) => msg === 'credentials were read again: their files have changed');
  expect(running.output).not.toContain(SECRET_KEY);
  expect(running.output).not.toContain(WRONG_KEY);
});
