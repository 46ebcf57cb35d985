import { createHmac } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { UploaderError } from '../../../src/base/errors.ts';
import { createVodClient, type VodObservation } from '../../../src/vod/client.ts';
import {
  always,
  CREDENTIALS,
  clientFor,
  DONE,
  failure,
  INIT,
  OK,
  part,
  type Seen,
  serve,
} from './servers.ts';

/** Verifies a request's signature from the raw query, as the service does. */
function signatureIsValid({ method, url }: Seen, hash = 'sha1', host = '127.0.0.1'): boolean {
  const [path = '', query = ''] = url.split('?');
  const pairs = query.split('&').map((pair) => pair.split('=').map(decodeURIComponent) as [string, string]);
  const claimed = pairs.find(([name]) => name === 'Signature')?.[1];
  const text = pairs
    .filter(([name]) => name !== 'Signature')
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join('&');
  return (
    createHmac(hash, CREDENTIALS.secretKey).update(`${method}${host}${path}?${text}`).digest('base64') ===
    claimed
  );
}

const COMMON = ['Action', 'Nonce', 'Region', 'SecretId', 'Signature', 'Timestamp'];

/** The parameters of a request, without the common ones. */
function own({ params }: Seen): Record<string, string> {
  return Object.fromEntries(Object.entries(params).filter(([name]) => !COMMON.includes(name)));
}

describe('requests', () => {
  test('InitUpload is a GET with everything in the query, common parameters and a valid signature', async () => {
    const server = await serve(always(OK));
    const client = clientFor(server.endpoint, { clock: () => 1_700_000_000_999 });
    expect(await client.initUpload(INIT)).toEqual({ kind: 'created' });
    const [seen] = server.seen as [Seen];
    expect(seen).toMatchObject({ method: 'GET', path: '/v2/index.php', body: Buffer.alloc(0) });
    expect(seen.headers['content-length']).toBeUndefined();
    expect(seen.params).toMatchObject({
      Action: 'InitUpload',
      Region: 'gz',
      Timestamp: '1700000000',
      SecretId: CREDENTIALS.secretId,
    });
    expect(seen.params.SignatureMethod).toBeUndefined();
    expect(own(seen)).toEqual({
      fileName: 'launch',
      fileSha: INIT.fileSha,
      fileSize: '6000000',
      dataSize: '1048576',
      fileType: 'mp4',
    });
    expect(signatureIsValid(seen)).toBe(true);
  });

  test("InitUpload's options: tags from 1, flags as 0 or 1, classId; names of any letters", async () => {
    const server = await serve(always(OK));
    await clientFor(server.endpoint).initUpload({
      ...INIT,
      fileName: "a+b & c=d%20'é中🎬",
      tags: ['launch', 'tag two'],
      classId: 0,
      transcode: true,
      screenshot: false,
      watermark: true,
    });
    const [seen] = server.seen as [Seen];
    expect(own(seen)).toMatchObject({
      fileName: "a+b & c=d%20'é中🎬",
      'tags.1': 'launch',
      'tags.2': 'tag two',
      classId: '0',
      isTranscode: '1',
      isScreenshot: '0',
      isWatermark: '1',
    });
    expect(Object.keys(own(seen))).not.toContain('tags.0');
    expect(seen.url).not.toContain('+');
    expect(signatureIsValid(seen)).toBe(true);
  });

  test('UploadPart is a POST whose body is exactly the bytes of the view', async () => {
    const server = await serve(always(OK));
    const whole = Buffer.alloc(400_000, 1);
    const body = new Uint8Array(whole.buffer, whole.byteOffset + 1000, 300_001).fill(9);
    await expect(clientFor(server.endpoint).uploadPart({ ...part(0), body })).resolves.toBeUndefined();
    const [seen] = server.seen as [Seen];
    expect(seen).toMatchObject({ method: 'POST', path: '/v2/index.php' });
    expect(seen.body.equals(Buffer.from(body))).toBe(true);
    expect(seen.headers).toMatchObject({
      'content-length': '300001',
      'content-type': 'application/octet-stream',
    });
    expect(seen.headers['transfer-encoding']).toBeUndefined();
    expect(own(seen)).toEqual({
      fileSha: INIT.fileSha,
      offset: '1048576',
      dataSize: '300001',
      dataMd5: 'f'.repeat(32),
    });
    expect(signatureIsValid(seen)).toBe(true);
  });

  test('FinishUpload is a GET with the SHA-1 alone', async () => {
    const server = await serve(always(DONE));
    expect(await clientFor(server.endpoint).finishUpload(INIT.fileSha)).toEqual({
      fileId: '5285890784246869930',
      url: 'http://example.com/f0.mp4',
    });
    const [seen] = server.seen as [Seen];
    expect(seen.method).toBe('GET');
    expect(own(seen)).toEqual({ fileSha: INIT.fileSha });
    expect(signatureIsValid(seen)).toBe(true);
  });

  test('HmacSHA256, region and another path are used', async () => {
    const server = await serve(always(OK));
    const endpoint = server.endpoint.replace('/v2/', '/v3/');
    await clientFor(endpoint, { signatureMethod: 'HmacSHA256', region: 'hk' }).uploadPart(part(5));
    const [seen] = server.seen as [Seen];
    expect(seen).toMatchObject({
      path: '/v3/index.php',
      params: { SignatureMethod: 'HmacSHA256', Region: 'hk' },
    });
    expect(signatureIsValid(seen, 'sha256')).toBe(true);
    expect(signatureIsValid(seen, 'sha256', `127.0.0.1:${server.port}`)).toBe(false);
  });

  test('Nonce and Timestamp are new in each request', async () => {
    const server = await serve(always(OK));
    let now = 1_700_000_000_000;
    const client = clientFor(server.endpoint, {
      clock: () => {
        now += 1000;
        return now;
      },
    });
    for (let call = 0; call < 50; call += 1) await client.initUpload(INIT);
    const nonces = server.seen.map(({ params }) => params.Nonce ?? '');
    expect(new Set(nonces).size).toBe(50);
    expect(nonces.filter((nonce) => /^[1-9]\d{0,9}$/.test(nonce) && Number(nonce) < 2 ** 31)).toHaveLength(
      50,
    );
    expect(new Set(server.seen.map(({ params }) => params.Timestamp)).size).toBe(50);
  });

  test('a credentials function is called for each request', async () => {
    const server = await serve(always(OK));
    let asked = 0;
    const credentials = async () => {
      asked += 1;
      return { ...CREDENTIALS, secretId: `AKID${asked}` };
    };
    const client = clientFor(server.endpoint, { credentials });
    await client.initUpload(INIT);
    await client.initUpload(INIT);
    expect(server.seen.map(({ params }) => params.SecretId)).toEqual(['AKID1', 'AKID2']);
  });

  test('with a failing credentials function nothing is sent, and its message is not shown', async () => {
    const server = await serve(always(OK));
    const credentials = () => Promise.reject(new TypeError('vault says hunter2'));
    const error = await failure(clientFor(server.endpoint, { credentials }).initUpload(INIT));
    expect(error).toMatchObject({
      code: 'CREDENTIALS',
      retryable: true,
      reason: 'signature',
      outcomeUnknown: false,
    });
    expect(error.message).toContain('TypeError');
    expect(error.message).not.toContain('hunter2');
    expect(server.seen).toHaveLength(0);
  });
});

describe('connections', () => {
  test('one socket is used for successive calls', async () => {
    const server = await serve(always(OK));
    const client = clientFor(server.endpoint);
    for (let call = 0; call < 5; call += 1) {
      await client.initUpload(INIT);
      await client.uploadPart(part(100_000));
    }
    expect(server.seen).toHaveLength(10);
    expect(server.connections).toBe(1);
  });

  test('no more requests run at once than connections; the others are signed when they start', async () => {
    let now = 1_700_000_000_000;
    const held: (() => void)[] = [];
    let most = 0;
    const server = await serve((response) => {
      held.push(() => response.end(OK));
      most = Math.max(most, held.length);
      // Answers when three wait (except for the last two of 20).
      if (held.length === 3 || server.seen.length > 18) {
        now += 60_000;
        for (const answer of held.splice(0)) answer();
      }
    });
    const client = clientFor(server.endpoint, { connections: 3, clock: () => now });
    await Promise.all(Array.from({ length: 20 }, () => client.uploadPart(part(1000))));
    expect(server.seen).toHaveLength(20);
    expect(most).toBe(3);
    expect(server.connections).toBeLessThanOrEqual(3);
    expect(new Set(server.seen.map(({ params }) => params.Timestamp)).size).toBeGreaterThan(5);
  });

  test('close ends idle sockets, and a call in flight completes', async () => {
    let respond = () => {};
    const asked = Promise.withResolvers<void>();
    const server = await serve((response, { params }) => {
      if (params.Action === 'FinishUpload') {
        respond = () => response.end(DONE);
        asked.resolve();
      } else response.end(OK);
    });
    const client = clientFor(server.endpoint);
    await client.initUpload(INIT);
    const pending = client.finishUpload(INIT.fileSha);
    await asked.promise;
    client.close();
    respond();
    expect(await pending).toMatchObject({ fileId: '5285890784246869930' });
    await client.initUpload(INIT);
    expect(server.connections).toBe(2);
  });
});

describe('abort', () => {
  test('before the call: nothing is sent', async () => {
    const server = await serve(always(OK));
    const error = await failure(clientFor(server.endpoint).initUpload(INIT, AbortSignal.abort()));
    expect(error).toMatchObject({
      code: 'ABORTED',
      kind: 'retryable',
      retryable: true,
      outcomeUnknown: false,
    });
    expect(server.connections).toBe(0);
  });

  test('during the call: the connection is closed and the outcome is unknown', async () => {
    const abort = new AbortController();
    const closed = Promise.withResolvers<void>();
    const server = await serve((response) => {
      response.once('close', closed.resolve);
      abort.abort(new Error('shutdown'));
    });
    const error = await failure(clientFor(server.endpoint).uploadPart(part(1000), abort.signal));
    expect(error).toMatchObject({
      name: 'VodTransportError',
      code: 'ABORTED',
      retryable: true,
      outcomeUnknown: true,
    });
    await closed.promise;
    expect(server.seen).toHaveLength(1);
  });

  test("AbortSignal.timeout is an abort, not the client's own time-out", async () => {
    const server = await serve(() => {});
    const error = await failure(clientFor(server.endpoint).initUpload(INIT, AbortSignal.timeout(50)));
    expect(error.code).toBe('ABORTED');
  });

  test('while waiting for a connection: the next call gets it', async () => {
    const held: (() => void)[] = [];
    const asked = Promise.withResolvers<void>();
    const server = await serve((response) => {
      held.push(() => response.end(OK));
      if (held.length === 1) asked.resolve();
      else held.at(-1)?.();
    });
    const client = clientFor(server.endpoint, { connections: 1 });
    const abort = new AbortController();
    const first = client.initUpload(INIT);
    const second = failure(client.initUpload(INIT, abort.signal));
    const third = client.initUpload(INIT);
    await asked.promise;
    abort.abort();
    expect(await second).toMatchObject({ code: 'ABORTED', outcomeUnknown: false });
    held[0]?.();
    await Promise.all([first, third]);
    expect(server.seen).toHaveLength(2);
  });

  test('no listeners remain on a signal of many calls', async () => {
    const server = await serve(always(OK));
    const client = clientFor(server.endpoint, { connections: 1 });
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 20 }, () => client.initUpload(INIT, signal)));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('observation', () => {
  test('every request is observed once, with its result and time', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const replies = [OK, '{"code":-10004,"canRetry":1}', '<html>'];
    const server = await serve((response) => {
      vi.advanceTimersByTime(150);
      response.end(replies.shift());
    });
    const observed: VodObservation[] = [];
    const client = clientFor(server.endpoint, { onRequest: (observation) => observed.push(observation) });
    await client.initUpload(INIT);
    await failure(client.uploadPart(part(10)));
    await failure(client.finishUpload(INIT.fileSha));
    await failure(clientFor('http://127.0.0.1:1/', { onRequest: (o) => observed.push(o) }).initUpload(INIT));
    expect(observed).toEqual([
      { action: 'InitUpload', result: 'ok', durationMs: 150 },
      {
        action: 'UploadPart',
        result: 'vod_error',
        code: '-10004',
        retryable: true,
        durationMs: 150,
      },
      {
        action: 'FinishUpload',
        result: 'http_error',
        code: 'MALFORMED_REPLY',
        retryable: true,
        durationMs: 150,
      },
      {
        action: 'InitUpload',
        result: 'network',
        code: 'NETWORK',
        retryable: true,
        durationMs: 0,
      },
    ]);
  });

  test('an observer that throws does not break the call', async () => {
    const server = await serve(always(OK));
    const onRequest = () => {
      throw new Error('metrics');
    };
    await expect(clientFor(server.endpoint, { onRequest }).initUpload(INIT)).resolves.toEqual({
      kind: 'created',
    });
  });
});

describe('endpoint', () => {
  test.each([
    ['', /absolute URL/],
    ['vod2.qcloud.com', /absolute URL/],
    ['ftp://vod2.qcloud.com/', /http or https/],
    ['unix:/tmp/x:/y', /http or https/],
    ['https://user:hunter2@vod2.qcloud.com/', /no user or password/],
    ['https://vod2.qcloud.com/?a=hunter2', /no query/],
    ['https://vod2.qcloud.com/#hunter2', /no query or fragment/],
  ])('%s is refused', (endpoint, rule) => {
    let thrown: unknown;
    try {
      createVodClient({ endpoint, credentials: CREDENTIALS });
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(UploaderError);
    expect(thrown).toMatchObject({ code: 'INVALID_ENDPOINT', retryable: false });
    expect(String(thrown)).toMatch(rule);
    expect(String(thrown)).not.toContain('hunter2');
  });
});
