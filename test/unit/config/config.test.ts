import { expect, test } from 'vitest';
import { loadConfig, requireCredentials, requireWorkerSettings } from '../../../src/config/config.ts';
import { problemsOf } from './problems.ts';

test('defaults are as documented', () => {
  expect(loadConfig({})).toMatchObject({
    redis: { location: 'redis://127.0.0.1:6379' },
    queuePrefix: '{vod}',
    vod: {
      api: 'v2',
      endpoint: 'https://vod2.qcloud.com/v2/index.php',
      signatureMethod: 'HmacSHA1',
      quotaPerMinute: { init: 100, part: 10_000, finish: 100 },
    },
    partConcurrency: { min: 4, max: 32 },
  });
  expect(loadConfig({ VOD_API: '2018-07-17' }).vod).toMatchObject({
    endpoint: 'https://vod.tencentcloudapi.com/',
    cosEndpoint: 'https://{bucket}.cos.{region}.myqcloud.com',
    quotaPerSecond: 100,
  });
  expect(loadConfig({}).metrics.port).toBeUndefined();
  expect(loadConfig({ METRICS_PORT: '' }).metrics.port).toBeUndefined();
  expect(loadConfig({ METRICS_PORT: '0' }).metrics.port).toBe(0);
});

test('all problems are reported at once, by the names of the variables', () => {
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

test('a flag takes 0 and 1 only', () => {
  expect(loadConfig({ REQUIRE_DURABLE_REDIS: '1' }).requireDurableRedis).toBe(true);
  expect(loadConfig({ REQUIRE_DURABLE_REDIS: '0' }).requireDurableRedis).toBe(false);
  expect(problemsOf(() => loadConfig({ REQUIRE_DURABLE_REDIS: 'true' }))).toEqual([
    'REQUIRE_DURABLE_REDIS must be 0 or 1',
  ]);
});

test('a message never contains a secret', () => {
  const problems = problemsOf(() => loadConfig({ VOD_SECRET_KEY: 'planted-secret', LOG_LEVEL: 'x' }));
  expect(problems.join()).not.toContain('planted-secret');
  expect(problemsOf(() => requireCredentials(loadConfig({ VOD_SECRET_KEY: 'planted-secret' })))).toEqual([
    'VOD_SECRET_ID (or VOD_SECRET_ID_FILE) is not set',
  ]);
});

test('requireWorkerSettings reports all settings that are missing for the stages', () => {
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
  expect(() => requireWorkerSettings(loadConfig({}), { callsVod: false, readsSources: false })).not.toThrow();
});

test('the configuration is deeply frozen', () => {
  const config = loadConfig({}) as { vod: { region: string } };
  expect(() => {
    config.vod.region = 'other';
  }).toThrow(TypeError);
});
