import { readFile } from 'node:fs/promises';
import http, { type RequestListener } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { WebhookPayload } from '../../../../src/index.ts';
import {
  createWebhookSender,
  type WebhookSender,
  type WebhookSenderOptions,
} from '../../../../src/notify/webhook/send.ts';
import { makeCertificates } from '../../../support/certificates.ts';

const payload: WebhookPayload = {
  id: 'u1-abc-r1',
  type: 'upload.failed',
  timestamp: '2026-05-01T12:00:00.000Z',
  data: {
    uploadId: 'u1',
    attempt: 1,
    state: 'cancelled',
    failure: { code: 'X', message: 'x', retryable: true },
  },
};

function senderWith(options: Partial<WebhookSenderOptions> = {}): WebhookSender {
  const secrets = [Buffer.alloc(24, 1)];
  const sender = createWebhookSender({
    connections: 2,
    secrets,
    allowPrivate: true,
    proxyEnv: {},
    ...options,
  });
  onTestFinished(() => sender.close());
  return sender;
}

async function listen<T extends Server>(
  server: T & Pick<http.Server, 'closeAllConnections'>,
): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

const serve = async (answer: RequestListener): Promise<string> =>
  `http://127.0.0.1:${await listen(http.createServer(answer))}/planted0path?planted0query`;

const never = new AbortController().signal;

/** The error thrown. Checks that it contains no more of the URL than its origin. */
async function failure(sending: Promise<void>): Promise<Error & { code: string }> {
  const error = await sending.then(
    () => new Error('it was delivered'),
    (thrown: Error) => thrown,
  );
  expect(`${error.message} ${error.stack} ${JSON.stringify(error)}`).not.toContain('planted0');
  return error as Error & { code: string };
}

test('a reply with an endless body is cut off and counts as delivered', async () => {
  const closed = Promise.withResolvers<void>();
  const url = await serve((_, response) => {
    response.writeHead(200);
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(8192)));
    };
    response.on('drain', more).on('close', closed.resolve);
    more();
  });
  await senderWith().send(url, payload, never);
  await closed.promise;
});

test('no answer in time is a WEBHOOK_TIMEOUT', async () => {
  const url = await serve(() => {});
  const error = await failure(senderWith({ timeoutMs: 20 }).send(url, payload, never));
  expect(error).toMatchObject({ code: 'WEBHOOK_TIMEOUT', retryable: true });
  expect(error.message).toMatch(/^http:\/\/127\.0\.0\.1:\d+ did not answer within 0\.02 s$/);
});

test('an abort rejects with its reason', async () => {
  const abort = new AbortController();
  const url = await serve(() => abort.abort('shutdown'));
  await expect(senderWith().send(url, payload, abort.signal)).rejects.toBe('shutdown');
});

test.each(['u1\r\nx: y', '\u4e00', 'a\0'])(
  'an id that is invalid as a header, %j, is not retryable',
  async (id) => {
    const url = await serve((_, response) => response.end());
    const error = await failure(senderWith().send(url, { ...payload, id }, never));
    expect(error).toMatchObject({ code: 'WEBHOOK_UNWRITABLE', retryable: false });
  },
);

test('connections are reused', async () => {
  let connections = 0;
  const server = http.createServer((_, response) => response.writeHead(204).end());
  // Keeps idle connections open.
  server.keepAliveTimeout = 0;
  server.on('connection', () => connections++);
  const url = `http://127.0.0.1:${await listen(server)}/`;
  const sender = senderWith();
  for (let times = 0; times < 10; times++) await sender.send(url, payload, never);
  // A request may be sent while the previous reply is still being read.
  expect(connections).toBeLessThanOrEqual(2);
});

test('an untrusted certificate and a refused connection have their own codes', async () => {
  const { certFile, keyFile } = await makeCertificates();
  const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
  const server = https.createServer({ cert, key }, (_, response) => response.end());
  const url = `https://127.0.0.1:${await listen(server)}/planted0path`;
  expect(await failure(senderWith().send(url, payload, never))).toMatchObject({ code: 'WEBHOOK_TLS' });
  expect(await failure(senderWith().send('http://127.0.0.1:1/planted0', payload, never))).toMatchObject({
    code: 'WEBHOOK_NETWORK',
    message: 'http://127.0.0.1:1: connection refused',
  });
});

test('sends nothing without a secret', async () => {
  let requests = 0;
  const url = await serve((_, response) => {
    requests++;
    response.end();
  });
  const error = await failure(senderWith({ secrets: [] }).send(url, payload, never));
  expect(error).toMatchObject({ code: 'WEBHOOK_UNSIGNED', retryable: true });
  expect(requests).toBe(0);
});

test('passes the host name to a proxy, which may itself have a private address', async () => {
  const requested: (string | undefined)[] = [];
  const proxy = http.createServer();
  proxy.on('connect', (request, socket) => {
    requested.push(request.url);
    socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  });
  const https_proxy = `http://localhost:${await listen(proxy)}`;
  const sender = senderWith({ allowPrivate: false, proxyEnv: { https_proxy } });
  const error = await failure(sender.send('https://receiver.example/planted0', payload, never));
  expect(error).toMatchObject({ code: 'WEBHOOK_PROXY', retryable: true });
  expect(requested).toEqual(['receiver.example:443']);
  expect(await failure(sender.send('https://10.0.0.1/planted0', payload, never))).toMatchObject({
    code: 'WEBHOOK_URL',
    message: "the webhook's URL must not name a private address",
  });
  expect(requested).toHaveLength(1);
});
