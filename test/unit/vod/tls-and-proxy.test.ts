import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { describe, expect, test, vi } from 'vitest';
import { DEFAULT_TIMEOUTS, requestMs } from '../../../src/vod/http/timeouts.ts';
import {
  always,
  clientFor,
  failure,
  holdTimers,
  INIT,
  OK,
  part,
  serve,
  serveProxy,
  serveRaw,
} from './servers.ts';

/** The command of the system, if there is one; not of an npm package. */
const OPENSSL = 'openssl';

/** A self-signed certificate for 127.0.0.1; undefined on a machine without openssl. */
function selfSigned(): { key: string; cert: string } | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'vod-tls-'));
  try {
    const subject = ['-subj', '/CN=vod-test', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
    const files = ['-keyout', join(folder, 'key'), '-out', join(folder, 'cert')];
    execFileSync(OPENSSL, ['req', '-x509', '-nodes', ...curve, ...subject, ...files], { stdio: 'ignore' });
    return {
      key: readFileSync(join(folder, 'key'), 'utf8'),
      cert: readFileSync(join(folder, 'cert'), 'utf8'),
    };
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const identity = selfSigned();
const NOT_SENT = { name: 'VodTransportError', retryable: true, outcomeUnknown: false };

describe.skipIf(identity === undefined)('TLS', () => {
  test('an untrusted certificate is refused before anything is sent', async () => {
    const server = await serve(always(OK), identity);
    const error = await failure(clientFor(server.endpoint).initUpload(INIT));
    expect(error).toMatchObject({ ...NOT_SENT, code: 'TLS', reason: 'network' });
    expect(error.message).toMatch(
      /TLS failure \(DEPTH_ZERO_SELF_SIGNED_CERT\).*certificate of this endpoint/,
    );
    expect(server.seen).toHaveLength(0);
  });

  /** Trusts the test's certificate while `action` runs, like NODE_EXTRA_CA_CERTS. */
  async function trusting(action: () => Promise<void>): Promise<void> {
    const usual = tls.getCACertificates('default');
    tls.setDefaultCACertificates([...usual, identity?.cert ?? '']);
    try {
      await action();
    } finally {
      tls.setDefaultCACertificates(usual);
    }
  }

  test('a trusted certificate is accepted, and its connection is kept', async () => {
    const server = await serve(always(OK), identity);
    await trusting(async () => {
      const client = clientFor(server.endpoint);
      await client.initUpload(INIT);
      await client.uploadPart(part(100_000));
      await client.initUpload(INIT);
    });
    expect(server.seen).toHaveLength(3);
    expect(server.connections).toBe(1);
  });

  test("another host's certificate is refused", async () => {
    const server = await serve(always(OK), identity);
    await trusting(async () => {
      const error = await failure(
        clientFor(server.endpoint.replace('127.0.0.1', 'localhost')).initUpload(INIT),
      );
      expect(error).toMatchObject({ ...NOT_SENT, code: 'TLS' });
      expect(error.message).toContain('ERR_TLS_CERT_ALTNAME_INVALID');
    });
    expect(server.seen).toHaveLength(0);
  });

  test('https uses a tunnel of https_proxy, with the same verification', async () => {
    const server = await serve(always(OK), identity);
    const proxy = await serveProxy();
    await trusting(async () => {
      const client = clientFor(server.endpoint, { proxyEnv: { https_proxy: proxy.url } });
      await client.uploadPart(part(300_000));
      await client.initUpload(INIT);
    });
    expect(server.seen.map(({ body }) => body.length)).toEqual([300_000, 0]);
    expect(proxy.targets).toEqual([`CONNECT 127.0.0.1:${server.port}`]);
    const error = await failure(
      clientFor(server.endpoint, { proxyEnv: { https_proxy: proxy.url } }).initUpload(INIT),
    );
    expect(error).toMatchObject({ ...NOT_SENT, code: 'TLS' });
  });
});

describe('TLS without a certificate', () => {
  test('a server without TLS', async () => {
    const server = await serveRaw((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    );
    const error = await failure(clientFor(server.endpoint.replace('http:', 'https:')).initUpload(INIT));
    expect(error).toMatchObject({ ...NOT_SENT, code: 'TLS' });
  });
});

describe('proxies', () => {
  test.each(['http_proxy', 'HTTP_PROXY'])(
    'http uses %s, with a signature for the original host',
    async (name) => {
      const server = await serve(always(OK));
      const proxy = await serveProxy();
      const client = clientFor(server.endpoint, { proxyEnv: { [name]: proxy.url } });
      await client.initUpload(INIT);
      await client.uploadPart(part(200_000));
      expect(proxy.targets).toHaveLength(2);
      expect(proxy.targets[0]).toMatch(
        new RegExp(`^${server.endpoint.replaceAll('.', '\\.')}\\?Action=InitUpload&`),
      );
      expect(server.seen[1]?.body).toHaveLength(200_000);
      expect(server.seen[0]?.headers.host).toBe(`127.0.0.1:${server.port}`);
    },
  );

  test.each([
    [{ no_proxy: '127.0.0.1' }],
    [{ NO_PROXY: 'example.com,127.0.0.1' }],
    [{ no_proxy: '*' }],
    [{ https_proxy: 'only for https', http_proxy: undefined }],
  ])('%j: the proxy is not used', async (env) => {
    const server = await serve(always(OK));
    const proxy = await serveProxy();
    await clientFor(server.endpoint, {
      proxyEnv: { http_proxy: proxy.url, ...env } as Record<string, string>,
    }).initUpload(INIT);
    expect(proxy.targets).toHaveLength(0);
    expect(server.seen).toHaveLength(1);
  });

  test('without proxyEnv the environment is ignored', async () => {
    const server = await serve(always(OK));
    const proxy = await serveProxy();
    const before = process.env.http_proxy;
    process.env.http_proxy = proxy.url;
    try {
      await clientFor(server.endpoint).initUpload(INIT);
    } finally {
      if (before === undefined) delete process.env.http_proxy;
      else process.env.http_proxy = before;
    }
    expect(proxy.targets).toHaveLength(0);
  });

  test('a proxy that opens no tunnel: PROXY, nothing was sent', async () => {
    const proxy = await serveProxy(false);
    const client = clientFor('https://vod2.qcloud.com/v2/index.php', {
      proxyEnv: { https_proxy: proxy.url },
    });
    const error = await failure(client.initUpload(INIT));
    expect(error).toMatchObject({ ...NOT_SENT, code: 'PROXY' });
    expect(error.message).toContain('https_proxy');
    expect(proxy.targets).toEqual(['CONNECT vod2.qcloud.com:443']);
  });

  test('a proxy that never answers: the whole request times out', async () => {
    holdTimers();
    const wholeMs = requestMs(DEFAULT_TIMEOUTS);
    const connected = Promise.withResolvers<void>();
    const silent = await serveRaw(() => connected.resolve());
    const proxyEnv = { https_proxy: silent.endpoint };
    const client = clientFor('https://vod2.qcloud.com/v2/index.php', { proxyEnv });
    const failed = failure(client.initUpload(INIT));
    await connected.promise;
    vi.advanceTimersByTime(wholeMs - 1);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(1);
    const error = await failed;
    expect(error).toMatchObject({ ...NOT_SENT, code: 'TIMEOUT' });
    expect(error.message).toContain('the whole request took too long');
    expect(silent.connections).toBe(1);
  });

  test('an abort ends a request to a proxy that never answers', async () => {
    const abort = new AbortController();
    const silent = await serveRaw(() => abort.abort());
    const client = clientFor('https://vod2.qcloud.com/', { proxyEnv: { https_proxy: silent.endpoint } });
    const error = await failure(client.initUpload(INIT, abort.signal));
    expect(error).toMatchObject({ ...NOT_SENT, code: 'ABORTED' });
  });
});
