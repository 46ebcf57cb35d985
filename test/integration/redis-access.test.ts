import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startRedisServer } from '../../src/demo/redis-server.ts';
import { VodUploads } from '../../src/index.ts';
import { makeCertificates } from '../support/certificates.ts';
import { startProducer } from '../support/producer.ts';
import { startRedis, startRestrictedRedis } from '../support/redis.ts';
import { deniedCommands, tlsIsMissing, tlsSettings } from '../support/redis-access.ts';
import { useWorld } from '../support/use-world.ts';

const MIB = 1048576;

// Shortens a waiting PullEvent to half a second, because a stopping worker waits for it.
const { world, source, inject, gate } = useWorld({ quotaWindowMs: 6000 });

/** The error of a TLS producer at a Redis without TLS. It takes 5 s, while the other tests run. */
let withoutTls: Promise<{ message: string }>;
beforeAll(async () => {
  const redis = await startRedisServer();
  const uploads = new VodUploads({ connection: redis.url.replace('redis://', 'rediss://') });
  withoutTls = failure(uploads.list());
  return async () => {
    await uploads.close();
    await redis.stop();
  };
});

/** The thrown error, with everything that a debugger shows of it. */
async function failure(promise: Promise<unknown>): Promise<{ message: string; all: string }> {
  const error = await promise.then(
    () => new Error('it succeeded'),
    (thrown: Error) => thrown,
  );
  return {
    message: error.message,
    all: inspect(error, { depth: 20, showHidden: true, maxStringLength: null }),
  };
}

describe('rediss://', () => {
  async function tlsRedis() {
    const certificates = await makeCertificates();
    const { ca, caFile } = certificates;
    const { port } = await startRedis({
      ...tlsSettings(certificates),
      appendonly: 'yes',
      requirepass: 'over-tls',
    });
    return { url: `rediss://:over-tls@127.0.0.1:${port}`, port, ca, caFile };
  }

  test('an upload completes with a configured CA', async (context) => {
    context.skip(tlsIsMissing() !== undefined, tlsIsMissing());
    const { url, ca, caFile } = await tlsRedis();
    const running = world().worker({ REDIS_URL: url, REDIS_CA_FILE: caFile, LOG_LEVEL: 'trace' });
    const uploads = startProducer(world(), url, ca);
    const upload = await uploads.add({ source: await source('access.mp4', 3 * MIB) });
    expect((await upload.result()).outcome).toBe('completed');
    expect(running.output).not.toContain('over-tls');
  });

  test('an untrusted certificate is reported by workers and producers', async (context) => {
    context.skip(tlsIsMissing() !== undefined, tlsIsMissing());
    const { url } = await tlsRedis();
    const refused = world().worker({ REDIS_URL: url });
    expect((await refused.exited).code).toBe(2);
    expect(refused.output).toMatch(
      /Redis at rediss:\/\/:\*\*\*@127\.0\.0\.1:\d+ has a certificate that is not trusted .*REDIS_CA_FILE/,
    );
    const path = await source('refused.mp4', 10);
    const { message } = await failure(startProducer(world(), url).add({ source: path }));
    expect(message).toContain('certificate that is not trusted');
  });

  test('refuses another host’s certificate of a trusted CA', async (context) => {
    context.skip(tlsIsMissing() !== undefined, tlsIsMissing());
    const { url, ca } = await tlsRedis();
    const uploads = startProducer(world(), url.replace('127.0.0.1', 'localhost'), ca);
    const { message } = await failure(uploads.add({ source: await source('refused.mp4', 10) }));
    expect(message).toMatch(/certificate that is not trusted \(ERR_TLS_CERT_ALTNAME_INVALID\)/);
  });

  test('reports a Redis without TLS', async () => {
    expect((await withoutTls).message).toContain('did not answer within 5 s, or speaks no TLS');
  });
});

describe('users and passwords', () => {
  test('the documented rights are sufficient for workers and producers, and not wider', async () => {
    const password = 'pass/word with @ and %';
    const rights = { prefix: world().prefix, password };
    const { admin, url } = await startRestrictedRedis(rights, { appendonly: 'yes' });
    await admin.acl('SETUSER', 'default', 'resetpass', '>admin');
    const env = { MAX_BYTES_PER_SECOND_TOTAL: '1000000000', LOG_LEVEL: 'trace' };
    const running = await world()
      .worker({ REDIS_URL: url, ...env })
      .ready();
    const uploads = startProducer(world(), url);
    const told: string[] = [];
    uploads.subscribe({
      consumer: 'acl',
      onCompleted: ({ uploadId }) => told.push(uploadId),
      onError: (error) => told.push(String(error)),
    });
    const path = await source('access.mp4', 3 * MIB);
    const upload = await uploads.add({ source: path, key: 'acl' });
    expect((await upload.result()).outcome).toBe('completed');

    // Failing, retrying, cancelling and listing need other commands.
    inject({ action: 'UploadPart', effect: { kind: 'code', code: -10006, canRetry: 0 } });
    const failing = await uploads.add({ source: await source('fails.mp4', 2 * MIB), priority: 1 });
    await expect(failing.result()).rejects.toMatchObject({ code: '-10006' });
    expect((await (await uploads.retry(failing.id)).result()).outcome).toBe('completed');
    const parts = gate({ action: 'UploadPart', after: 1 });
    const cancelled = await uploads.add({ source: await source('cancelled.mp4', 40 * MIB) });
    await parts.reached();
    expect(await uploads.cancel(cancelled.id)).toBe(true);
    await uploads.add({ source: path, delay: 3_600_000 });
    expect(await uploads.list()).toHaveLength(4);
    await expect.poll(() => told).toEqual([upload.id, failing.id]);
    // Pulling events within the quota and joining them needs others again.
    const quota = { VOD_QUOTA_EVENT_PER_MINUTE: '1000' };
    const puller = world().worker({ REDIS_URL: url, ...env, ...quota }, ['--stages', 'events']);
    await expect.poll(() => failing.events()).toMatchObject([{ event: { type: 'NewFileUpload' } }]);
    await Promise.all([running, puller].map((one) => one.end('SIGTERM')));
    expect(puller.output).not.toContain('NOPERM');

    expect(await deniedCommands(admin)).toEqual([]);
    expect(running.output).not.toContain('NOPERM');
    expect(running.output).not.toContain(password);
    expect(running.output).not.toContain(encodeURIComponent(password));

    const asUser = new Redis(url, { retryStrategy: () => null });
    onTestFinished(() => asUser.disconnect());
    for (const command of [
      ['get', 'somebody-elses'],
      ['keys', '*'],
      ['scan', '0'],
      ['flushall'],
      ['flushdb'],
      ['config', 'set', 'dir', '/tmp'],
      ['acl', 'list'],
      ['monitor'],
      ['shutdown'],
      ['script', 'flush'],
      ['function', 'list'],
      ['publish', 'somebody-elses', 'x'],
    ] as const) {
      await expect(asUser.call(...(command as [string])), command.join(' ')).rejects.toThrow(
        /NOPERM|No permissions/i,
      );
    }
  });

  test('a wrong password is reported, and no error contains it', async () => {
    const { port } = await startRedis({ requirepass: 'right-password' });
    const url = `redis://:wrong-password@127.0.0.1:${port}`;
    const refused = world().worker({ REDIS_URL: url, LOG_LEVEL: 'trace' });
    expect((await refused.exited).code).toBe(2);
    expect(refused.output).toMatch(
      /redis:\/\/:\*\*\*@127\.0\.0\.1:\d+ refuses these credentials \(WRONGPASS/,
    );
    expect(refused.output).not.toContain('wrong-password');
    for (const connection of [url, `redis://127.0.0.1:${port}`]) {
      const uploads = startProducer(world(), connection);
      const { message, all } = await failure(uploads.add({ source: await source('refused.mp4', 10) }));
      expect(message).toContain('refuses these credentials');
      expect(all).not.toContain('wrong-password');
      const told: Error[] = [];
      uploads.subscribe({ consumer: 'refused', onError: (error) => told.push(error as Error) });
      await expect.poll(() => told.map((one) => one.message)).toEqual([message]);
    }
  });
});
