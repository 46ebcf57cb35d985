import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { afterAll, describe, expect, it } from 'vitest';
import { loadConfig, requireCredentials, requireWorkerSettings } from '../../../src/config/config.ts';
import { ConfigError } from '../../../src/config/config-error.ts';

const dir = mkdtempSync(join(tmpdir(), 'vod-config-'));
afterAll(() => rmSync(dir, { recursive: true }));

function problemsOf(run: () => unknown): readonly string[] {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).problems;
  }
  throw new Error('nothing was wrong');
}

describe('loadConfig', () => {
  it('has the documented defaults', () => {
    expect(loadConfig({})).toMatchObject({
      redis: { location: 'redis://127.0.0.1:6379' },
      queuePrefix: '{vod}',
      vod: {
        endpoint: 'https://vod2.qcloud.com/v2/index.php',
        region: 'gz',
        signatureMethod: 'HmacSHA1',
        quotaPerMinute: { init: 100, part: 10_000, finish: 100 },
      },
      partConcurrency: { min: 1, max: 8 },
    });
    expect(loadConfig({}).metrics.port).toBeUndefined();
    expect(loadConfig({ METRICS_PORT: '' }).metrics.port).toBeUndefined();
    expect(loadConfig({ METRICS_PORT: '0' }).metrics.port).toBe(0);
  });

  it('tells all problems at once, by the variables’ names', () => {
    const problems = problemsOf(() =>
      loadConfig({
        REDIS_URL: 'localhost:6379',
        QUEUE_PREFIX: 'vod',
        VOD_ENDPOINT: 'ftp://x',
        PART_CONCURRENCY: '0',
        PART_ATTEMPTS: '1e3',
        LOG_LEVEL: 'loud',
        METRICS_PORT: '70000',
      }),
    );
    expect(problems.map((problem) => problem.split(' ')[0])).toEqual([
      'REDIS_URL',
      'QUEUE_PREFIX',
      'VOD_ENDPOINT',
      'PART_CONCURRENCY',
      'PART_ATTEMPTS',
      'METRICS_PORT',
      'LOG_LEVEL',
    ]);
    expect(problems).toContain(
      'PART_CONCURRENCY must be a whole number from 1 to 512, or two of them as in 4-32, the lower first',
    );
  });

  it('takes a path for callbacks that nobody can guess, or none, and does not repeat a wrong one', () => {
    expect(loadConfig({}).events).toEqual({ callbackOnly: false });
    const path = `/${'aB3_-'.repeat(5)}`;
    expect(loadConfig({ EVENT_CALLBACK_PATH: path }).events.callbackPath).toBe(path);
    for (const wrong of ['/short', path.slice(1), `/x${path}`, `${path}?a`, `/${'é'.repeat(30)}`]) {
      const problems = problemsOf(() => loadConfig({ EVENT_CALLBACK_PATH: wrong }));
      expect(problems, wrong).toEqual([
        expect.stringMatching(/^EVENT_CALLBACK_PATH must be "\/" and 22 to 128/),
      ]);
      expect(problems[0]).not.toContain(wrong);
    }
  });

  it('takes a number of part slots, or a range, and no other', () => {
    expect(loadConfig({ PART_CONCURRENCY: '12' }).partConcurrency).toEqual({ min: 12, max: 12 });
    expect(loadConfig({ PART_CONCURRENCY: '4-64' }).partConcurrency).toEqual({ min: 4, max: 64 });
    for (const wrong of ['8-4', '0-4', '4-513', '4-', '-4', '4-8-16', '4 - 8', 'x']) {
      const problems = problemsOf(() => loadConfig({ PART_CONCURRENCY: wrong }));
      expect(problems, wrong).toEqual([expect.stringMatching(/^PART_CONCURRENCY must be .*4-32/)]);
    }
  });

  it('takes caps on bytes, none below what a part can be sent at', () => {
    expect(loadConfig({}).maxBytesPerSecond).toEqual({});
    const env = { MAX_BYTES_PER_SECOND: '65536', MAX_BYTES_PER_SECOND_TOTAL: '1000000' };
    expect(loadConfig(env).maxBytesPerSecond).toEqual({ process: 65_536, total: 1_000_000 });
    expect(problemsOf(() => loadConfig({ MAX_BYTES_PER_SECOND: '65535' }))).toEqual([
      'MAX_BYTES_PER_SECOND must be a whole number from 65536 to 1000000000000',
    ]);
  });

  it('reads secrets from files', () => {
    const path = join(dir, 'key');
    writeFileSync(path, 'from-file\n');
    const config = loadConfig({ VOD_SECRET_ID: 'id', VOD_SECRET_KEY_FILE: path });
    expect(requireCredentials(config)).toEqual({ secretId: 'id', secretKey: 'from-file' });
  });

  it('names a secret file that is not there or empty, and a secret that is set twice', () => {
    const empty = join(dir, 'empty');
    writeFileSync(empty, ' \n');
    const urlPath = join(dir, 'redis-url');
    writeFileSync(urlPath, 'redis://user:pass@redis.example:6380/2\n');
    expect(loadConfig({ REDIS_URL_FILE: urlPath }).redis).toEqual({
      ...loadConfig({ REDIS_URL: 'redis://user:pass@redis.example:6380/2' }).redis,
      locationFile: urlPath,
    });
    expect(problemsOf(() => loadConfig({ REDIS_URL_FILE: urlPath, REDIS_SENTINELS: 's1' }))).toHaveLength(1);
    expect(problemsOf(() => loadConfig({ VOD_SECRET_KEY_FILE: join(dir, 'none') }))).toEqual([
      `VOD_SECRET_KEY_FILE can't be read: ${join(dir, 'none')} (ENOENT)`,
    ]);
    expect(problemsOf(() => loadConfig({ VOD_SECRET_KEY_FILE: empty }))[0]).toContain('empty file');
    expect(problemsOf(() => loadConfig({ VOD_SECRET_ID: 'x', VOD_SECRET_ID_FILE: empty }))[0]).toContain(
      'both set',
    );
  });

  it('remembers the files of secrets, so that they can be read again', () => {
    const path = join(dir, 'key-file');
    writeFileSync(path, 'x');
    const { vod } = loadConfig({ VOD_SECRET_ID: 'id', VOD_SECRET_KEY_FILE: path });
    expect(vod.secretKeyFile).toBe(path);
    expect(vod).not.toHaveProperty('secretIdFile');
  });

  it('keeps finished uploads for days and up to a number', () => {
    expect(loadConfig({}).keep).toEqual({
      completed: { ageSeconds: 604_800, count: 10_000 },
      failed: { ageSeconds: 2_592_000, count: 10_000 },
    });
    const env = { KEEP_COMPLETED_DAYS: '1', KEEP_FAILED_COUNT: '5' };
    expect(loadConfig(env).keep).toMatchObject({ completed: { ageSeconds: 86_400 }, failed: { count: 5 } });
  });

  it('takes receivers of webhooks that are fit to be told, with what to sign by', () => {
    const secret = `whsec_${'a'.repeat(32)}`;
    const path = join(dir, 'webhooks');
    writeFileSync(path, `${secret}\n${secret.replaceAll('a', 'b')}\n`);
    const urls = 'https://a.example/hook?token=x, https://b.example/ https://c.example:8443/';
    expect(loadConfig({ WEBHOOK_URL: urls, WEBHOOK_SECRETS_FILE: path }).webhooks).toEqual({
      urls: ['https://a.example/hook?token=x', 'https://b.example/', 'https://c.example:8443/'],
      secrets: [secret, secret.replaceAll('a', 'b')],
      allowPrivate: false,
      retryHours: 24,
    });
    expect(loadConfig({}).webhooks).toMatchObject({ urls: [], secrets: [] });
    const problems = (env: Record<string, string>): readonly string[] => problemsOf(() => loadConfig(env));
    expect(problems({ WEBHOOK_URL: 'https://a.example/' })).toEqual([
      'WEBHOOK_SECRETS is not set, but WEBHOOK_URL is: webhooks are always signed',
    ]);
    expect(problems({ WEBHOOK_SECRETS: 'planted-secret' })).toEqual([
      'WEBHOOK_SECRETS must be whsec_ followed by 24 to 64 random bytes in base64',
    ]);
    const three = [secret, secret, secret].join(',');
    expect(problems({ WEBHOOK_SECRETS: three })[0]).toContain('must be one secret, or two');
    const inside = {
      WEBHOOK_SECRETS: secret,
      WEBHOOK_URL: 'https://a.example http://10.0.0.1/planted ftp://x/planted',
    };
    expect(problems(inside)).toEqual([
      'WEBHOOK_URL (URL 2 of 3) must begin with https://, unless WEBHOOK_ALLOW_PRIVATE is 1',
      'WEBHOOK_URL (URL 3 of 3) must be a URL that begins with https://',
    ]);
    expect(problems({ ...inside, WEBHOOK_ALLOW_PRIVATE: '1' })).toHaveLength(1);
  });

  it('takes 0 and 1 for a flag, and nothing else', () => {
    expect(loadConfig({ REQUIRE_DURABLE_REDIS: '1' }).requireDurableRedis).toBe(true);
    expect(loadConfig({ REQUIRE_DURABLE_REDIS: '0' }).requireDurableRedis).toBe(false);
    expect(problemsOf(() => loadConfig({ REQUIRE_DURABLE_REDIS: 'true' }))).toEqual([
      'REQUIRE_DURABLE_REDIS must be 0 or 1',
    ]);
  });

  it('refuses authorities that are none, and such as would never be asked', () => {
    const path = join(dir, 'ca.pem');
    writeFileSync(path, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    const problems = (url: string, file: string): readonly string[] =>
      problemsOf(() => loadConfig({ REDIS_URL: url, REDIS_CA_FILE: file }));
    expect(problems('rediss://h', path)).toEqual([
      `REDIS_CA_FILE does not contain PEM certificates: ${path}`,
    ]);
    expect(problems('rediss://h', join(dir, 'none'))[0]).toContain("REDIS_CA_FILE can't be read");
    const [authority = ''] = rootCertificates;
    writeFileSync(path, authority);
    expect(loadConfig({ REDIS_URL: 'rediss://h', REDIS_CA_FILE: path }).redis.ca).toBe(authority.trim());
    expect(problems('redis://h', path)[0]).toContain('REDIS_URL is without TLS');
    const cluster = (nodes: string) => loadConfig({ REDIS_CLUSTER_NODES: nodes, REDIS_CA_FILE: path });
    expect(cluster('rediss://h1,h2').redis.ca).toBe(authority.trim());
    expect(problemsOf(() => cluster('h1,h2'))[0]).toContain('REDIS_CLUSTER_NODES is without TLS');
  });

  it('never puts the password of Redis into its message', () => {
    for (const name of ['REDIS_URL', 'REDIS_CLUSTER_NODES', 'REDIS_SENTINELS']) {
      for (const url of [
        'redis://u:planted@h/abc',
        '/planted',
        'http://u:planted@h',
        'redis://planted:%zz@h',
      ])
        expect(problemsOf(() => loadConfig({ [name]: url })).join()).not.toContain('planted');
    }
  });

  it('takes a Redis Cluster, or the servers that sentinels name, instead of a URL', () => {
    const location = (env: Record<string, string>) => loadConfig(env).redis.location;
    expect(location({ REDIS_CLUSTER_NODES: 'h1:7000,h2' })).toEqual({ cluster: 'h1:7000,h2' });
    expect(location({ REDIS_SENTINELS: 'redis://u:p@h1,h2/1' })).toEqual({
      sentinels: 'redis://u:p@h1,h2/1',
    });
    const sentinel = {
      REDIS_SENTINELS: 'h1,h2,h3',
      REDIS_SENTINEL_MASTER: 'videos',
      REDIS_SENTINEL_USERNAME: 'watcher',
      REDIS_SENTINEL_PASSWORD: 'secret',
    };
    expect(location(sentinel)).toEqual({
      sentinels: 'h1,h2,h3',
      master: 'videos',
      sentinelUsername: 'watcher',
      sentinelPassword: 'secret',
    });
  });

  it('takes one place only that Redis can be at, and tells all that contradicts it', () => {
    expect(
      problemsOf(() =>
        loadConfig({
          REDIS_URL: 'redis://h',
          REDIS_CLUSTER_NODES: 'h1,h2',
          REDIS_SENTINEL_MASTER: 'videos',
          REDIS_SENTINEL_USERNAME: 'watcher',
        }),
      ),
    ).toEqual([
      'REDIS_URL and REDIS_CLUSTER_NODES are set: only one of them can be the address of Redis',
      'REDIS_SENTINEL_MASTER is set, but REDIS_SENTINELS is not',
      'REDIS_SENTINEL_USERNAME is set, but REDIS_SENTINELS is not',
      'REDIS_SENTINEL_USERNAME is set, but REDIS_SENTINEL_PASSWORD is not',
    ]);
    const wrong = { REDIS_CLUSTER_NODES: 'h1,,h2', REDIS_SENTINELS: 'redis://h?tls=0' };
    expect(problemsOf(() => loadConfig(wrong)).map((problem) => problem.split(' ')[0])).toEqual([
      'REDIS_CLUSTER_NODES',
      'REDIS_SENTINELS',
    ]);
    // A cluster has one database only.
    expect(problemsOf(() => loadConfig({ REDIS_CLUSTER_NODES: 'redis://h/1' }))).toHaveLength(1);
    expect(
      problemsOf(() => loadConfig({ REDIS_SENTINELS: 'h', REDIS_SENTINEL_MASTER: 'my master' })),
    ).toHaveLength(1);
  });

  it('never puts a secret into its message', () => {
    const problems = problemsOf(() => loadConfig({ VOD_SECRET_KEY: 'planted-secret', LOG_LEVEL: 'x' }));
    expect(problems.join()).not.toContain('planted-secret');
    expect(problemsOf(() => requireCredentials(loadConfig({ VOD_SECRET_KEY: 'planted-secret' })))).toEqual([
      'VOD_SECRET_ID (or VOD_SECRET_ID_FILE) is not set',
    ]);
  });

  it('splits SOURCE_ROOTS at its colons', () => {
    expect(loadConfig({ SOURCE_ROOTS: '/srv/videos:clips:' }).sourceRoots).toEqual([
      '/srv/videos',
      'clips',
      '',
    ]);
    expect(loadConfig({ SOURCE_ROOTS: '' }).sourceRoots).toBeUndefined();
  });

  it('insists on what a worker of these stages needs, all at once', () => {
    const missing = (env: object, does: { callsVod: boolean; readsSources: boolean }): readonly string[] =>
      problemsOf(() => requireWorkerSettings(loadConfig({ ...env }), does));
    const both = { callsVod: true, readsSources: true };
    const roots = expect.stringMatching(/^SOURCE_ROOTS is not set: .*such as \/srv\/videos/);
    expect(missing({}, both)).toEqual([
      expect.stringContaining('VOD_SECRET_ID'),
      expect.stringContaining('VOD_SECRET_KEY'),
      roots,
    ]);
    expect(missing({}, { callsVod: false, readsSources: true })).toEqual([roots]);
    expect(missing({ SOURCE_ROOTS: ' ' }, { callsVod: false, readsSources: true })).toEqual([roots]);
    expect(missing({ SOURCE_ROOTS: '/srv' }, both)).toHaveLength(2);
    const all = { VOD_SECRET_ID: 'x', VOD_SECRET_KEY: 'x', SOURCE_ROOTS: '/srv' };
    expect(() => requireWorkerSettings(loadConfig(all), both)).not.toThrow();
    expect(() =>
      requireWorkerSettings(loadConfig({}), { callsVod: false, readsSources: false }),
    ).not.toThrow();
  });

  it('is frozen all through', () => {
    const config = loadConfig({}) as { vod: { region: string } };
    expect(() => {
      config.vod.region = 'other';
    }).toThrow(TypeError);
  });
});
