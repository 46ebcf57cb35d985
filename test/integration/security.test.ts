import { EventEmitter, once } from 'node:events';
import { rename, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { sha1Of } from '../support/files.ts';
import {
  everythingBelow,
  everythingIn,
  everythingOf,
  formsOf,
  SIGNED_URL,
  titlesOf,
} from '../support/leaks.ts';
import { startProducer } from '../support/producer.ts';
import { startRedis } from '../support/redis.ts';
import { useWorld } from '../support/use-world.ts';
import { SECRET_ID, SECRET_KEY, type WorkerProcess } from '../support/world.ts';

const MIB = 1048576;
const WRONG_KEY = 'hunted0wrong0key0that0nobody0may0see';

const { world, source, inject, stats } = useWorld();

interface EchoingService {
  readonly url: string;
  /** All requests so far. */
  readonly signatures: readonly string[];
  /** Resolves after `count` requests. */
  heard(count: number): Promise<void>;
}

/** A server that echoes every request in its responses: redirect, error, HTML page and reset in rotation. */
async function echoingService(): Promise<EchoingService> {
  const signatures: string[] = [];
  const news = new EventEmitter();
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
    news.emit('request');
    request.resume().on('end', () => replies[(signatures.length - 1) % replies.length]?.(response, url));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close().closeAllConnections());
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v2/index.php`,
    signatures,
    async heard(count) {
      while (signatures.length < count) await once(news, 'request');
    },
  };
}

test('no secret appears anywhere after success and every kind of failure, at LOG_LEVEL=trace', async () => {
  await Promise.all(['json', 'pretty'].map(lookEverywhere));
});

async function lookEverywhere(format: string): Promise<void> {
  const password = 'hunted/redis_pass@word';
  const { port, dir, child } = await startRedis({
    appendonly: 'yes',
    appendfsync: 'always',
    rdbcompression: 'no',
    requirepass: password,
  });
  const redisUrl = `redis://default:${encodeURIComponent(password)}@127.0.0.1:${port}`;
  const echo = await echoingService();
  const found: Record<string, string> = {};
  const uploads = startProducer(world(), redisUrl);
  const env = { REDIS_URL: redisUrl, LOG_LEVEL: 'trace', LOG_FORMAT: format, PART_ATTEMPTS: '5' };
  const workers: WorkerProcess[] = [];
  /** Runs `use` while a worker with these variables runs; then collects all visible output. */
  const withWorker = async (name: string, more: Record<string, string>, use: () => Promise<void>) => {
    const running = world().worker({ ...env, ...more });
    workers.push(running);
    await running.line(({ msg }) => msg?.includes('worker is ready') ?? false);
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
    const bumpyPath = await source(`bumpy-${format}.mp4`, 2 * MIB);
    const bumpySha = await sha1Of(bumpyPath);
    for (const effect of [
      { kind: 'html' },
      { kind: 'reset', when: 'before' },
      { kind: 'http', status: 502 },
    ] as const) {
      inject({ fileSha: bumpySha, effect });
    }
    const bumpy = await uploads.add({ source: bumpyPath });
    expect((await bumpy.result()).outcome).toBe('completed');
    const failingPath = await source(`failing-${format}.mp4`, 2 * MIB);
    inject({
      action: 'UploadPart',
      fileSha: await sha1Of(failingPath),
      effect: { kind: 'code', code: -10006, canRetry: 0, message: 'bad size' },
    });
    const failing = await uploads.add({ source: failingPath });
    found['error of a failed upload'] = everythingOf(await failing.result().catch((error) => error));
    found['status of a failed upload'] = everythingOf(await failing.status());
    expect(found['status of a failed upload']).toContain('bad size');
  });
  await good.end('SIGTERM');

  const wrong = await withWorker('wrong key', { VOD_SECRET_KEY: WRONG_KEY }, async () => {
    const refused = await uploads.add({ source: await source(`refused-${format}.mp4`, 10) });
    for await (const { hold } of refused.progress()) if (hold?.kind === 'account') break;
  });
  await wrong.end('SIGTERM');

  const echoed = await withWorker('a service that echoes', { VOD_ENDPOINT: echo.url }, async () => {
    await uploads.add({ source: await source(`echoed-${format}.mp4`, 10) });
    await echo.heard(7);
  });

  const redis = new Redis(redisUrl);
  found.redis = await everythingIn(redis);
  redis.disconnect();
  found['files of redis'] = await everythingBelow(dir);
  // Shows that the search finds existing text.
  expect(found.redis).toContain(`failing-${format}.mp4`);
  expect(found['files of redis']).toContain(`good-${format}.mp4`);

  const strangers = startProducer(world(), redisUrl.replace(encodeURIComponent(password), WRONG_KEY));
  found['error of a wrong password'] = everythingOf(await strangers.list().catch((error) => error));
  await child.kill();
  await echoed.line(({ msg }) => msg?.includes('redis is unreachable') ?? false);
  found['error without redis'] = everythingOf(await uploads.list().catch((error) => error));
  expect(found['error without redis']).toContain('REDIS_UNAVAILABLE');
  found.producer = everythingOf(uploads);
  // Also while Redis is unavailable.
  await uploads.close();
  for (const [index, running] of workers.entries()) found[`output of worker ${index}`] = running.output;

  const secrets = [SECRET_KEY, SECRET_ID, WRONG_KEY, password, ...echo.signatures].flatMap(formsOf);
  for (const [place, text] of Object.entries(found)) {
    for (const secret of secrets)
      expect(text.includes(secret), `${secret} in ${place} (LOG_FORMAT=${format})`).toBe(false);
    expect(SIGNED_URL.exec(text)?.[0], `${place} (LOG_FORMAT=${format})`).toBeUndefined();
  }
}

test('uses a new key from its file without a restart', async () => {
  const keyFile = join(world().sources, '..', 'secret-key');
  await writeFile(keyFile, `${WRONG_KEY}\n`);
  const env = { VOD_SECRET_KEY: '', VOD_SECRET_KEY_FILE: keyFile, LOG_LEVEL: 'trace' };
  const running = await world().worker(env).ready();
  await world().uploads.add({ source: await source('too-early.mp4', 10) });
  await expect
    .poll(() => stats().requests.strayPart.byResult)
    .toMatchObject({ '-10002': expect.any(Number) });
  await writeFile(`${keyFile}.new`, `${SECRET_KEY}\n`);
  await rename(`${keyFile}.new`, keyFile);
  const upload = await world().uploads.add({ source: await source('after.mp4', 2 * MIB) });
  expect(await upload.result()).toMatchObject({ outcome: 'completed' });
  await running.line(({ msg }) => msg === 'credentials were read again: their files have changed');
  expect(running.output).not.toContain(SECRET_KEY);
  expect(running.output).not.toContain(WRONG_KEY);
});
