import { createHash } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type CosClientOptions, type CosObject, createCosClient } from '../../../../src/vod/cos/client.ts';
import { COS_MEANINGS } from '../../../../src/vod/cos/codes.ts';
import { cosAuthorization, cosSignature } from '../../../../src/vod/cos/sign.ts';
import type { StreamedBody } from '../../../../src/vod/http/streamed-body.ts';
import type { VodObservation } from '../../../../src/vod/requests.ts';
import type { FailureKind, SystemicCause } from '../../../../src/vod/wire/vod-error.ts';
import { failure, holdTimers, type Responder, type Seen, serve, serveRaw } from '../servers.ts';

const NOW = Date.UTC(2030, 0, 2, 3, 4, 5);
const HOUR_MS = 3_600_000;

const OBJECT: CosObject = {
  bucket: 'vod-1250000000',
  region: 'ap-beijing',
  key: "dir/a b+c'é中.mp4",
  credentials: {
    secretId: 'AKIDtemporaryTemporaryTemporary00001',
    secretKey: 'temporaryKey/+=temporaryKeyTemporary',
    token: 'tokenTokenToken/+=TokenTokenToken',
    expiresAtMs: NOW + HOUR_MS,
  },
};
const PATH = '/vod-1250000000/dir/a%20b%2Bc%27%C3%A9%E4%B8%AD.mp4';

/** Answers with this status, text and headers, as COS does. */
function cos(status: number, text = '', headers: Record<string, string> = {}): Responder {
  return (response) =>
    response
      .writeHead(status, {
        'x-cos-request-id': 'cos-request-7',
        date: new Date(NOW).toUTCString(),
        ...headers,
      })
      .end(text);
}

function error(code: string, message = 'because'): string {
  return `<?xml version='1.0' encoding='utf-8' ?>\n<Error>\n<Code>${code}</Code><Message>${message}</Message>
<Resource>x</Resource><RequestId>in-the-text</RequestId><TraceId>t</TraceId></Error>`;
}

async function store(respond: Responder, options: Partial<CosClientOptions> = {}) {
  const server = await serve(respond);
  const endpoint = `http://127.0.0.1:${server.port}/{bucket}`;
  const client = createCosClient({ endpoint, clock: () => NOW, ...options });
  onTestFinished(() => client.close());
  return { server, client };
}

/** Whether a request has the signature of what it sent, by the function that is tested against the vendor's. */
function isSigned({ method, url, headers }: Seen, atMs = NOW): boolean {
  const { pathname, searchParams } = new URL(url, 'http://any');
  const { authorization = '' } = headers;
  const names = /q-header-list=([^&]*)/.exec(authorization)?.[1]?.split(';') ?? [];
  const request = {
    ...{ method, path: decodeURIComponent(pathname), query: Object.fromEntries(searchParams) },
    headers: Object.fromEntries(names.map((name) => [name, String(headers[name])])),
  };
  const validity = { from: atMs / 1000 - 60, to: atMs / 1000 + 3600 };
  const { secretId, secretKey } = OBJECT.credentials;
  const signature = cosSignature(request, secretKey, validity);
  return authorization === cosAuthorization(request, secretId, validity, signature);
}

describe('every request', () => {
  test('is signed with its path, query, Host, token and MD5', async () => {
    const { server, client } = await store(cos(200, '', { etag: '"e"' }));
    const body = Buffer.from('abc');
    const md5 = createHash('md5').update(body).digest('hex');
    await client.uploadPart(OBJECT, { uploadId: 'u/+=1', partNumber: 7, body, md5 });
    const [seen] = server.seen as [Seen];
    expect(seen).toMatchObject({ method: 'PUT', url: `${PATH}?partNumber=7&uploadId=u%2F%2B%3D1`, body });
    expect(seen.headers).toMatchObject({
      host: `127.0.0.1:${server.port}`,
      'content-length': '3',
      'content-md5': 'kAFQmDzST7DWlj99KOF/cg==',
      'x-cos-security-token': OBJECT.credentials.token,
      'accept-encoding': 'identity',
    });
    expect(seen.headers.authorization).toContain(
      'q-header-list=content-md5;host;x-cos-security-token&q-url-param-list=partnumber;uploadid&',
    );
    expect(isSigned(seen)).toBe(true);
  });

  test.each<[string, string, string]>([
    ['the default', 'https://{bucket}.cos.{region}.myqcloud.com', '{bucket}.cos.{region}.myqcloud.com'],
    ['the bucket in the host', 'http://{bucket}.localhost:9000/', '{bucket}.localhost:9000'],
    ['no placeholders', 'http://cos.localhost/prefix', 'cos.localhost'],
  ])('goes where the endpoint says: %s', async (_, endpoint, expected) => {
    const observed: VodObservation[] = [];
    const proxy = await serve(cos(404));
    const client = createCosClient({
      ...{ endpoint, onRequest: (one) => observed.push(one) },
      proxyEnv: {
        http_proxy: `http://127.0.0.1:${proxy.port}`,
        https_proxy: `http://127.0.0.1:${proxy.port}`,
      },
    });
    onTestFinished(() => client.close());
    const host = expected.replace('{bucket}', OBJECT.bucket).replace('{region}', OBJECT.region);
    if (endpoint.startsWith('https:')) {
      // The proxy opens no tunnel.
      expect((await failure(client.initiate(OBJECT))).message).toContain(`endpoint ${host}`);
      return;
    }
    expect(await client.head(OBJECT)).toBeUndefined();
    const prefix = endpoint.includes('prefix') ? '/prefix' : '';
    expect(proxy.seen).toMatchObject([
      { url: `http://${host}${prefix}${PATH.replace('/vod-1250000000', '')}`, headers: { host } },
    ]);
    expect(observed).toMatchObject([{ action: 'HeadObject', result: 'ok' }]);
  });

  test.each([
    ['a bucket that is no part of a host name', { bucket: 'evil.com/' }],
    ['a region that is no part of a host name', { region: 'x@evil.com' }],
    ['a key that a URL changes', { key: 'a/../b' }],
  ])('with %s is not sent', async (_, fields) => {
    const { server, client } = await store(cos(200));
    await expect(client.initiate({ ...OBJECT, ...fields })).rejects.toMatchObject({ code: 'INVALID_OBJECT' });
    expect(server.connections).toBe(0);
  });

  test.each(['cos', 'ftp://{bucket}', 'https://u:p@{bucket}.cos', 'https://{bucket}.cos?a=b'])(
    'needs a valid endpoint, not %s',
    (endpoint) => {
      expect(() => createCosClient({ endpoint })).toThrow(/^The COS endpoint must .*\{bucket\}/);
    },
  );
});

describe('calls', () => {
  test('initiate', async () => {
    const { server, client } = await store(
      cos(
        200,
        '<InitiateMultipartUploadResult><Bucket>b</Bucket><UploadId>1484&amp;x</UploadId></InitiateMultipartUploadResult>',
      ),
    );
    expect(await client.initiate(OBJECT)).toBe('1484&x');
    expect(server.seen).toMatchObject([
      { method: 'POST', url: `${PATH}?uploads`, headers: { 'content-length': '0' } },
    ]);
    expect(isSigned(server.seen[0] as Seen)).toBe(true);
  });

  test('listUploads: those of exactly this key, newest first', async () => {
    const upload = (key: string, id: string, time: string) =>
      `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>${time}</Initiated></Upload>`;
    const { server, client } = await store(
      cos(
        200,
        `<ListMultipartUploadsResult><Prefix/>${upload(OBJECT.key, 'old', '2030-01-01T00:00:00.000Z')}
        ${upload(`${OBJECT.key}2`, 'other', '2030-01-03T00:00:00.000Z')}${upload(OBJECT.key, 'odd', '?')}
        ${upload(OBJECT.key, 'new', '2030-01-02T00:00:00.000Z')}</ListMultipartUploadsResult>`,
      ),
    );
    expect((await client.listUploads(OBJECT)).map(({ uploadId }) => uploadId)).toEqual(['new', 'old', 'odd']);
    expect(server.seen).toMatchObject([
      { method: 'GET', path: '/vod-1250000000/', params: { uploads: '', prefix: OBJECT.key } },
    ]);
    expect(isSigned(server.seen[0] as Seen)).toBe(true);
  });

  test('listUploads: none', async () => {
    for (const content of ['', '<Bucket>b</Bucket>']) {
      const text = `<ListMultipartUploadsResult>${content}</ListMultipartUploadsResult>`;
      const { client } = await store(cos(200, text));
      expect(await client.listUploads(OBJECT)).toEqual([]);
    }
  });

  test.each([
    [
      { etag: '"e1"', 'x-cos-hash-crc64ecma': '18446744073709551615' },
      { etag: 'e1', crc64: 2n ** 64n - 1n },
    ],
    [
      { etag: 'e1', 'x-cos-hash-crc64ecma': '0' },
      { etag: 'e1', crc64: 0n },
    ],
    [{ etag: '"e1"', 'x-cos-hash-crc64ecma': 'none' }, { etag: 'e1' }],
    [{ etag: '"e1"' }, { etag: 'e1' }],
  ])('putObject and uploadPart with %o', async (headers, expected) => {
    const { server, client } = await store(cos(200, '', headers));
    expect(await client.putObject(OBJECT, { body: Buffer.alloc(5, 1) })).toEqual(expected);
    const part = { uploadId: 'u', partNumber: 1, body: Buffer.alloc(0) };
    expect(await client.uploadPart(OBJECT, part)).toEqual(expected);
    expect(server.seen).toMatchObject([
      { method: 'PUT', url: PATH, body: Buffer.alloc(5, 1) },
      { method: 'PUT', url: `${PATH}?partNumber=1&uploadId=u` },
    ]);
    expect(server.seen[0]?.headers).not.toHaveProperty('content-md5');
  });

  test('without an ETag it is not known what COS has', async () => {
    const { client } = await store(cos(200));
    expect(await failure(client.putObject(OBJECT, { body: Buffer.alloc(1) }))).toMatchObject({
      code: 'MALFORMED_REPLY',
      outcomeUnknown: true,
    });
  });

  test('a streamed body is sent, and an error of its source comes back unchanged, unobserved', async () => {
    const observed: VodObservation[] = [];
    const { server, client } = await store(cos(200, '', { etag: '"e"' }), {
      onRequest: (one) => observed.push(one),
    });
    const pieces = [Buffer.alloc(100_000, 1), Buffer.alloc(5, 2)];
    const body: StreamedBody = {
      byteLength: 100_005,
      async *pieces() {
        yield* pieces;
      },
    };
    await client.putObject(OBJECT, { body });
    expect(server.seen[0]?.body.equals(Buffer.concat(pieces))).toBe(true);
    const broken = new TypeError('the disk failed');
    const failing: StreamedBody = {
      byteLength: 10,
      // biome-ignore lint/correctness/useYield: it fails before its first piece
      async *pieces() {
        throw broken;
      },
    };
    const sent = client.uploadPart(OBJECT, { uploadId: 'u', partNumber: 1, body: failing });
    await expect(sent).rejects.toBe(broken);
    expect(observed).toMatchObject([{ action: 'PutObject', result: 'ok' }]);
  });

  test('listParts reads all pages', async () => {
    const part = (number: number) =>
      `<Part><PartNumber>${number}</PartNumber><LastModified/><ETag>&quot;e${number}&quot;</ETag><Size>${number}000</Size></Part>`;
    const { server, client } = await store((response, seen) => {
      const after = seen.params['part-number-marker'];
      const [text, next] = after === undefined ? [part(1) + part(2), 2] : [part(3), undefined];
      const more =
        next === undefined
          ? '<IsTruncated>false</IsTruncated>'
          : `<IsTruncated>true</IsTruncated><NextPartNumberMarker>${next}</NextPartNumberMarker>`;
      cos(200, `<ListPartsResult><UploadId>u</UploadId>${more}${text}</ListPartsResult>`)(response, seen);
    });
    expect(await client.listParts(OBJECT, 'u')).toEqual([
      { partNumber: 1, size: 1000, etag: 'e1' },
      { partNumber: 2, size: 2000, etag: 'e2' },
      { partNumber: 3, size: 3000, etag: 'e3' },
    ]);
    expect(server.seen.map(({ params }) => params)).toEqual([
      { uploadId: 'u', 'max-parts': '1000' },
      { uploadId: 'u', 'max-parts': '1000', 'part-number-marker': '2' },
    ]);
    expect(server.seen.every((seen) => isSigned(seen))).toBe(true);
  });

  test('listParts ends if the pages do not', async () => {
    const { client } = await store(
      cos(
        200,
        '<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>5</NextPartNumberMarker></ListPartsResult>',
      ),
    );
    const failed = await failure(client.listParts(OBJECT, 'u'));
    expect(failed).toMatchObject({ code: 'MALFORMED_REPLY' });
    expect(failed.message).toContain('NextPartNumberMarker');
  });

  const PARTS = [
    { partNumber: 2, etag: 'e2' },
    { partNumber: 1, etag: 'e<1' },
  ];

  test.each([
    '<CompleteMultipartUploadResult><ETag>"whole-2"</ETag></CompleteMultipartUploadResult>',
    ' \n \n<?xml version="1.0"?>\n<CompleteMultipartUploadResult><ETag>&quot;whole-2&quot;</ETag></CompleteMultipartUploadResult>',
  ])('complete lists the parts in ascending order: %s', async (text) => {
    const { server, client } = await store(cos(200, text, { 'x-cos-hash-crc64ecma': '7' }));
    expect(await client.complete(OBJECT, 'u', PARTS)).toEqual({ etag: 'whole-2', crc64: 7n });
    expect(server.seen).toMatchObject([
      { method: 'POST', url: `${PATH}?uploadId=u`, headers: { 'content-type': 'application/xml' } },
    ]);
    expect(server.seen[0]?.body.toString()).toBe(
      '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"e&lt;1"</ETag></Part>' +
        '<Part><PartNumber>2</PartNumber><ETag>"e2"</ETag></Part></CompleteMultipartUpload>',
    );
    expect(isSigned(server.seen[0] as Seen)).toBe(true);
  });

  test.each<[string, string, object]>([
    [
      'an error',
      ` \n${error('InternalError')}`,
      { name: 'VodError', code: 'InternalError', kind: 'retryable' },
    ],
    ['an unknown error', error('Unheard.Of'), { name: 'VodError', code: 'Unheard.Of', kind: 'retryable' }],
    ['a part that is too small', error('EntityTooSmall'), { name: 'VodError', kind: 'permanent' }],
    ['nothing', '', { code: 'MALFORMED_REPLY', outcomeUnknown: true }],
    ['only spaces', '   \n', { code: 'MALFORMED_REPLY', outcomeUnknown: true }],
    [
      'XML that is cut',
      '<CompleteMultipartUploadResult><ETag>"w',
      { code: 'MALFORMED_REPLY', outcomeUnknown: true },
    ],
    [
      'another document',
      '<Other><ETag>"w"</ETag></Other>',
      { code: 'MALFORMED_REPLY', outcomeUnknown: true },
    ],
    ['a page', '<html><body>login</body></html>', { code: 'MALFORMED_REPLY', outcomeUnknown: true }],
    [
      'an error without a code',
      '<Error><Message>x</Message></Error>',
      { code: 'MALFORMED_REPLY', outcomeUnknown: true },
    ],
  ])('complete with status 200 and %s has not succeeded', async (_, text, expected) => {
    const { client } = await store(cos(200, text));
    expect(await failure(client.complete(OBJECT, 'u', PARTS))).toMatchObject({
      action: 'CompleteMultipartUpload',
      ...expected,
    });
  });

  test('complete whose reply is cut by the connection has an unknown outcome', async () => {
    const server = await serveRaw((socket) =>
      socket.once('data', () =>
        socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\n \r\n'),
      ),
    );
    const client = createCosClient({ endpoint: `http://127.0.0.1:${server.port}` });
    onTestFinished(() => client.close());
    expect(await failure(client.complete(OBJECT, 'u', PARTS))).toMatchObject({
      outcomeUnknown: true,
      retryable: true,
    });
  });

  test('complete waits for COS, which sends spaces for minutes', async () => {
    holdTimers();
    const late = Promise.withResolvers<void>();
    const { client } = await store(async (response) => {
      response.writeHead(200).write(' ');
      await late.promise;
      response.end('<CompleteMultipartUploadResult><ETag>"w"</ETag></CompleteMultipartUploadResult>');
    });
    const begun = Promise.withResolvers<unknown>();
    subscribe('http.client.response.finish', begun.resolve);
    const completed = client.complete(OBJECT, 'u', PARTS);
    await begun.promise;
    unsubscribe('http.client.response.finish', begun.resolve);
    vi.advanceTimersByTime(300_000);
    late.resolve();
    expect(await completed).toEqual({ etag: 'w' });
  });

  test('abort', async () => {
    const { server, client } = await store(cos(204));
    await client.abort(OBJECT, 'u');
    expect(server.seen).toMatchObject([{ method: 'DELETE', url: `${PATH}?uploadId=u` }]);
    const { client: unknown } = await store(cos(404, error('NoSuchUpload')));
    await unknown.abort(OBJECT, 'u');
    const { client: denied } = await store(cos(403, error('AccessDenied')));
    expect(await failure(denied.abort(OBJECT, 'u'))).toMatchObject({ kind: 'session' });
  });

  test('head', async () => {
    const headers = { 'content-length': '6000000000', etag: '"e"', 'x-cos-hash-crc64ecma': '7' };
    const { client } = await store(cos(200, '', headers));
    expect(await client.head(OBJECT)).toEqual({ size: 6_000_000_000, etag: 'e', crc64: 7n });
    const { client: missing } = await store(cos(404));
    expect(await missing.head(OBJECT)).toBeUndefined();
    const { client: denied } = await store(cos(403));
    expect(await failure(denied.head(OBJECT))).toMatchObject({
      name: 'VodError',
      code: 'AccessDenied',
      kind: 'session',
    });
    const { client: down } = await store(cos(503));
    expect(await failure(down.head(OBJECT))).toMatchObject({ code: 'HTTP_503', systemicCause: 'outage' });
    const { client: blocked } = await store((response) => response.writeHead(403).end());
    expect(await failure(blocked.head(OBJECT))).toMatchObject({ code: 'HTTP_403', systemicCause: 'blocked' });
  });

  test.each([200, 403, 404])('probe takes status %i of COS for an answer', async (status) => {
    const observed: VodObservation[] = [];
    const { server, client } = await store(cos(status), { onRequest: (one) => observed.push(one) });
    await client.probe(OBJECT);
    const [seen] = server.seen as [Seen];
    expect(seen).toMatchObject({ method: 'HEAD', url: '/vod-1250000000/' });
    expect(seen.headers).not.toHaveProperty('authorization');
    expect(seen.headers).not.toHaveProperty('x-cos-security-token');
    expect(observed).toMatchObject([{ action: 'check', result: 'ok' }]);
  });

  test.each<[string, Responder, string]>([
    ['a failure of COS', cos(503), 'HTTP_503'],
    ['a firewall', (response) => response.writeHead(403).end(), 'HTTP_403'],
    ['a login page', (response) => response.writeHead(302, { location: 'http://login' }).end(), 'REDIRECT'],
    ['a reset', (response) => response.socket?.resetAndDestroy(), 'NETWORK'],
  ])('probe does not take %s for an answer', async (_, respond, code) => {
    const { client } = await store(respond);
    expect(await failure(client.probe(OBJECT))).toMatchObject({ code });
  });
});

const CODES: [string, number, FailureKind, SystemicCause?][] = [
  ['AccessDenied', 403, 'session'],
  ['ExpiredToken', 403, 'session'],
  ['InvalidToken', 400, 'session'],
  ['InvalidAccessKeyId', 403, 'session'],
  ['InvaildAccessKeyId', 403, 'session'],
  ['SignatureDoesNotMatch', 403, 'session'],
  ['RequestTimeTooSkewed', 403, 'resign'],
  ['NoSuchUpload', 404, 'session'],
  ['SlowDown', 503, 'retryable'],
  ['TooManyRequests', 429, 'retryable'],
  ['InternalError', 500, 'retryable'],
  ['ServiceUnavailable', 503, 'retryable', 'outage'],
  ['RequestTimeout', 400, 'retryable'],
  ['RequestTimeOut', 400, 'retryable'],
  ['IncompleteBody', 400, 'retryable'],
  ['BadDigest', 400, 'retryable'],
  ['InvalidDigest', 400, 'retryable'],
  ['EntityTooSmall', 400, 'permanent'],
  ['InvalidPart', 400, 'permanent'],
  ['InvalidPartOrder', 400, 'permanent'],
  ['EntityTooLarge', 400, 'permanent'],
  ['MalformedXML', 400, 'permanent'],
  ['InvalidArgument', 400, 'permanent'],
  ['InvalidRequest', 400, 'permanent'],
  ['InvalidURI', 400, 'permanent'],
  ['MethodNotAllowed', 405, 'permanent'],
  ['MissingContentLength', 411, 'permanent'],
  ['NoSuchBucket', 404, 'permanent'],
  ['NoSuchKey', 404, 'permanent'],
  ['UnavailableForLegalReasons', 451, 'permanent'],
  ['toString', 400, 'permanent'],
  ['Unheard', 403, 'session'],
  ['Unheard', 409, 'retryable'],
  ['Unheard', 429, 'retryable'],
  ['Unheard', 500, 'retryable'],
];

describe('codes', () => {
  test.each(CODES)('%s with status %i is %s', async (code, status, kind, systemicCause) => {
    const { client } = await store(cos(status, error(code)));
    const failed = await failure(
      client.uploadPart(OBJECT, { uploadId: 'u', partNumber: 1, body: Buffer.alloc(1) }),
    );
    expect(failed).toMatchObject({ name: 'VodError', action: 'UploadPart', code, kind, systemicCause });
    expect(failed).toMatchObject({ holdMs: undefined, outcomeUnknown: false });
    expect(failed.retryable).toBe(['retryable', 'resign'].includes(kind));
    expect(failed.message).toContain(`UploadPart refused with code ${code} (`);
    expect(failed.message).toContain(': "because". Request id: in-the-text.');
  });

  test('each row of the table is tested', () => {
    expect(CODES.map(([code]) => code)).toEqual(expect.arrayContaining(Object.keys(COS_MEANINGS)));
  });

  test('SlowDown says how long to wait, if COS does', async () => {
    const { client } = await store(cos(503, error('SlowDown'), { 'retry-after': '7' }));
    expect(await failure(client.initiate(OBJECT))).toMatchObject({ reason: 'quota', retryAfterMs: 7000 });
  });

  test.each([
    [HOUR_MS, 'The credentials of the session should be valid for another 1 h.'],
    [-180_000, 'The credentials of the session expired 3 min ago.'],
  ])('a refused session says whether its credentials have expired', async (leftMs, text) => {
    const { client } = await store(cos(403, error('AccessDenied')));
    const credentials = { ...OBJECT.credentials, expiresAtMs: NOW + leftMs };
    expect((await failure(client.initiate({ ...OBJECT, credentials }))).message).toContain(text);
  });

  test.each<[number, string, string]>([
    [500, 'oops', 'HTTP_500'],
    [403, '<html>login</html>', 'HTTP_403'],
    [404, '', 'HTTP_404'],
    [502, '<Error>', 'HTTP_502'],
  ])('status %i with %j is no answer of COS', async (status, text, code) => {
    const { client } = await store(cos(status, text));
    const failed = await failure(client.initiate(OBJECT));
    expect(failed).toMatchObject({ name: 'VodTransportError', code, outcomeUnknown: true });
    expect(failed.message).toMatch(/endpoint 127\.0\.0\.1:\d+; request id cos-request-7/);
  });

  test('a redirect is never followed', async () => {
    const { client } = await store(
      cos(307, error('TemporaryRedirect'), { location: 'http://127.0.0.1:1/x' }),
    );
    expect(await failure(client.initiate(OBJECT))).toMatchObject({ code: 'REDIRECT' });
  });
});

describe("a wrong clock, according to the reply's Date", () => {
  const INITIATED = '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>';
  const strict =
    (code: string): Responder =>
    (response, seen) => {
      const [, from = 0, to = 0] = /q-sign-time=(\d+);(\d+)/.exec(seen.headers.authorization ?? '') ?? [];
      const isValid = Number(from) * 1000 <= NOW && NOW <= Number(to) * 1000;
      (isValid ? cos(200, INITIATED) : cos(403, error(code, 'Request has expired')))(response, seen);
    };

  test.each([
    ['AccessDenied', 3 * HOUR_MS, /clock is 3 h ahead of VOD's/],
    ['RequestTimeTooSkewed', -25 * HOUR_MS, /clock is 25 h behind VOD's/],
  ])('%s costs one refusal; then the corrected time is signed', async (code, aheadMs, words) => {
    const { server, client } = await store(strict(code), { clock: () => NOW + aheadMs });
    const failed = await failure(client.initiate(OBJECT));
    expect(failed).toMatchObject({ kind: 'clock', systemicCause: 'clock', retryable: true });
    expect(failed.message).toMatch(words);
    expect(await client.initiate(OBJECT)).toBe('u');
    expect(isSigned(server.seen[1] as Seen)).toBe(true);
  });

  test('is not blamed again when the session is refused with the corrected time', async () => {
    let refused = 0;
    const { client } = await store(
      (response, seen) => {
        refused += 1;
        cos(403, error('AccessDenied'))(response, seen);
      },
      { clock: () => NOW + HOUR_MS },
    );
    expect(await failure(client.initiate(OBJECT))).toMatchObject({ kind: 'clock' });
    expect(await failure(client.initiate(OBJECT))).toMatchObject({ kind: 'session' });
    expect(refused).toBe(2);
  });
});

test('no error shows the credentials, the token or the signature', async () => {
  const echo: Responder = (response, seen) => {
    const { authorization, 'x-cos-security-token': token } = seen.headers;
    const text = `${authorization} ${token} ${OBJECT.credentials.secretKey}`.replaceAll('&', '&amp;');
    cos(403, error('SignatureDoesNotMatch', text), { 'x-cos-request-id': String(token) })(response, seen);
  };
  const page: Responder = (response, seen) => cos(200, `${seen.headers.authorization}`)(response, seen);
  for (const respond of [echo, page]) {
    const { server, client } = await store(respond);
    const shown = inspect(await failure(client.initiate(OBJECT)), { depth: 9, showHidden: true });
    const signature = /q-signature=(\w+)/.exec(server.seen[0]?.headers.authorization ?? '')?.[1] ?? '';
    expect(signature).toHaveLength(40);
    const { secretId, secretKey, token } = OBJECT.credentials;
    for (const secret of [secretId, secretKey, token, signature]) expect(shown).not.toContain(secret);
  }
});
