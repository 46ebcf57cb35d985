import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { createHttpClient } from '../../../src/vod/http/http-client.ts';
import { DEFAULT_TIMEOUTS } from '../../../src/vod/http/timeouts.ts';
import { cleanText, createRedactor } from '../../../src/vod/wire/redact.ts';
import { codePoint } from '../code-point.ts';
import {
  CREDENTIALS,
  clientFor,
  failure,
  holdTimers,
  INIT,
  NO_HOST,
  part,
  type Responder,
  serve,
  serveRaw,
} from './servers.ts';

/** All texts of an error that a log, a dashboard or a debugger can show. */
function everything(error: Error): string {
  const seen = new Set<unknown>();
  const fields: string[] = [];
  const walk = (value: unknown): void => {
    if (typeof value === 'string') fields.push(value);
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    for (const key of Reflect.ownKeys(value)) walk(Reflect.get(value, key));
  };
  walk(error);
  return `${inspect(error, { depth: 20, showHidden: true, getters: true, maxStringLength: null })}\n${fields.join('\n')}\n${JSON.stringify(error)}\n${error.stack}`;
}

/** The secrets of a request, as they are and percent-encoded. */
function secretsOf(params: Record<string, string>): string[] {
  const plain = [
    CREDENTIALS.secretId,
    CREDENTIALS.secretKey,
    ...(params.Signature === undefined ? [] : [params.Signature]),
  ];
  return plain.flatMap((secret) => [secret, encodeURIComponent(secret)]);
}

const echo = (params: Record<string, string>, url: string): string =>
  `no user ${params.SecretId}, signature ${params.Signature}, asked for http://127.0.0.1${url}`;

const RESPONDERS: Record<string, Responder> = {
  'a refusal that echoes the request': (response, { params, url }) =>
    response.end(JSON.stringify({ code: 4100, message: echo(params, url), codeDesc: params.SecretId })),
  'a refusal that echoes it with other escapes': (response, { params, url }) =>
    response.end(
      `{"code":-1,"message":${JSON.stringify(echo(params, url)).replaceAll('/', '\\/').replaceAll('A', '\\u0041')}}`,
    ),
  'a page that echoes the URL': (response, { params, url }) => response.end(`${echo(params, url)} ${url}`),
  'a page that begins with the SecretId': (response, { params }) =>
    response.end(`${params.SecretId}${params.Signature}`),
  'a redirect to the same query': (response, { url }) =>
    response.writeHead(302, { location: `http://127.0.0.1:1${url}` }).end(),
  'a relative redirect': (response, { url }) => response.writeHead(307, { location: `${url}&again=1` }).end(),
  'HTTP 500': (response) => response.writeHead(500).end(),
  'a reset': (response) => response.socket?.resetAndDestroy(),
  'a reply too large': (response) => response.end(' '.repeat(5000)),
  'no answer': () => void vi.advanceTimersByTime(DEFAULT_TIMEOUTS.responseMs + 1000),
};

test.each(Object.entries(RESPONDERS))('%s: no error shows a secret', async (_, respond) => {
  holdTimers();
  const server = await serve(respond);
  const client = clientFor(server.endpoint, { maxReplyBytes: 4096 });
  const calls = [
    () => client.initUpload(INIT),
    () => client.uploadPart(part(1000)),
    () => client.finishUpload(INIT.fileSha),
  ];
  for (const [index, call] of calls.entries()) {
    const shown = everything(await failure(call()));
    const secrets = secretsOf(server.seen[index]?.params ?? {});
    expect(secrets).toHaveLength(6);
    for (const secret of secrets) expect(shown).not.toContain(secret);
    expect(shown).not.toMatch(/Signature=/);
  }
});

const https_proxy = `http://user:${encodeURIComponent(CREDENTIALS.secretKey)}@127.0.0.1:1`;

test.each<[string, (abort: AbortController) => string | Promise<string>, object]>([
  ['connection refused', () => 'http://127.0.0.1:1/v2/index.php', {}],
  ['unknown host', () => `http://${NO_HOST}/`, {}],
  [
    'TLS failure',
    async () => (await serveRaw((socket) => socket.end('no TLS'))).endpoint.replace('http', 'https'),
    {},
  ],
  ['bad HTTP', async () => (await serveRaw((socket) => socket.end('nothing\r\n'))).endpoint, {}],
  ['abort', async (abort) => (await serve(() => abort.abort())).endpoint, {}],
  ['a proxy that refuses', () => 'https://vod.invalid/', { proxyEnv: { https_proxy } }],
])('%s: no error shows a secret', async (_, endpoint, options) => {
  const abort = new AbortController();
  const client = clientFor(await endpoint(abort), options);
  const shown = everything(await failure(client.uploadPart(part(10), abort.signal)));
  for (const secret of secretsOf({})) expect(shown).not.toContain(secret);
  expect(shown).not.toMatch(/Signature=|SecretId=|Nonce=/);
});

test("the message and the cause of a failure go through the request's redactor", async () => {
  const client = createHttpClient({ connections: 1, timeouts: DEFAULT_TIMEOUTS, maxReplyBytes: 1000 });
  const redact = (text: string) => text.replaceAll('127.0.0.1', '***');
  const url = new URL('http://127.0.0.1:1/');
  const error = await failure(
    client.send({ action: 'InitUpload', method: 'GET', url, signal: undefined, redact }),
  );
  expect(error.message).toContain('***:1');
  expect(error.cause).toMatchObject({ message: 'connect ECONNREFUSED ***:1', code: 'ECONNREFUSED' });
  expect(everything(error)).not.toContain('127.0.0.1');
});

test('the client itself shows no secret', () => {
  const client = clientFor('http://127.0.0.1:1/');
  expect(inspect(client, { depth: 20, showHidden: true })).not.toContain(CREDENTIALS.secretKey);
});

test('a redactor removes URL queries, users and literal secrets, and nothing else', () => {
  const redact = createRedactor(['s3cret/key', 'ab']);
  expect(redact('see https://u:p@host:1/path?a=b#c, s3cret/key or s3cret%2Fkey; ab stays')).toBe(
    'see https://host:1/path [redacted] or [redacted]; ab stays',
  );
  const harmless = fc.string().filter((text) => !text.includes('://'));
  fc.assert(fc.property(harmless, (text) => createRedactor(['s3cret/key'])(text) === text));
  fc.assert(
    fc.property(
      fc.string(),
      fc.string(),
      (before, after) => !redact(`${before}s3cret/key${after}`).includes('s3cret/key'),
    ),
  );
});

test('a redactor is fast for hostile text', () => {
  const redact = createRedactor(['s3cret/key']);
  // More than quadratic time would not end.
  for (const text of ['a.', 'http://', 'a-', '://', 'a+b:/']) {
    const hostile = text.repeat(4096);
    expect(redact(hostile)).toBe(hostile);
  }
});

test('clean text is one line of limited length for any input', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: codePoint, maxLength: 500 }),
      fc.integer({ min: 1, max: 100 }),
      (text, maxLength) => {
        const clean = cleanText(text, maxLength);
        expect(clean.length).toBeLessThanOrEqual(maxLength);
        expect(clean).not.toMatch(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
        expect(clean.isWellFormed()).toBe(true);
      },
    ),
  );
  expect(cleanText(`a\r\n b\u0000${'c'.repeat(50)}`, 10)).toBe('a b ccccc…');
});
