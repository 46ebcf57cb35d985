import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UnrecoverableError } from 'bullmq';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import {
  parseDuration,
  parseExpiry,
  parsePartSize,
  parsePort,
  parseWholeNumber,
} from '../../src/cli/parse.ts';
import { parseQuota } from '../../src/cli/parse-emulator.ts';
import { runCli } from '../../src/cli/run.ts';
import { loadConfig, VARIABLES } from '../../src/config/config.ts';
import { ConfigError } from '../../src/config/config-error.ts';
import { redactUrls } from '../../src/process/log.ts';
import { parseFailure } from '../../src/queue/failure.ts';
import { SCHEMA_VERSION } from '../../src/queue/jobs/schema.ts';
import { parseRedisInfo } from '../../src/redis/info.ts';
import { locationProblem, locationUrls, maskedLocation } from '../../src/redis/location.ts';
import { maskedUrl, redisUrlProblem } from '../../src/redis/url.ts';
import { memoryContext } from './cli/memory-output.ts';
import { codePoint } from './code-point.ts';

const dir = mkdtempSync(join(tmpdir(), 'vod-fuzz-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** Texts as people, scripts and attackers write them. */
const text = fc.oneof(
  fc.string({ unit: codePoint, maxLength: 200 }),
  fc.string({ unit: 'grapheme', maxLength: 50 }),
  fc.integer().map(String),
  fc.double().map(String),
  fc.webUrl({ withQueryParameters: true, withFragments: true }),
  fc.tuple(fc.string({ maxLength: 30 }), fc.string({ maxLength: 30 })).map(([a, b]) => `redis://${a}@${b}/1`),
  fc.constantFrom(
    '',
    ' ',
    '\0',
    '__proto__',
    'constructor',
    'toString',
    '0x10',
    '1e3',
    '-0',
    '{vod}',
    '{}',
    '../..',
    '/dev/null',
    'redis:',
    'rediss:h',
    'redis://%zz@h',
    'redis://h/abc',
    '\u202e',
    '\ud800',
    '9'.repeat(400),
    'x'.repeat(1_000_000),
    ':'.repeat(100_000),
    'a.'.repeat(50_000),
  ),
);

/** A text so long that whatever took the square of its length would never end. */
const endless = (part: string): string => part.repeat(Math.ceil(1_000_000 / part.length));

describe('configuration', () => {
  /** Most of the time one variable is odd and the rest is well; then all of them. */
  const environment = fc.oneof(
    fc.tuple(fc.constantFrom(...VARIABLES), text).map(([name, value]) => ({ [name]: value })),
    fc.dictionary(fc.constantFrom(...VARIABLES), text),
  );

  test('any environment is a configuration, or an error that names what is wrong', () => {
    fc.assert(
      fc.property(environment, (env) => {
        try {
          const config = loadConfig(env);
          expect(Object.isFrozen(config)).toBe(true);
          expect(config.partConcurrency.min).toBeGreaterThan(0);
          expect(config.partConcurrency.max).toBeGreaterThanOrEqual(config.partConcurrency.min);
          expect(locationProblem(config.redis.location)).toBeUndefined();
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
          const { problems } = error as ConfigError;
          expect(problems.length).toBeGreaterThan(0);
          for (const problem of problems) {
            expect(VARIABLES, problem.slice(0, 200)).toContain(/^[A-Z_]+/.exec(problem)?.[0]);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test.each(VARIABLES)('%s: a value of any length is taken or refused', (name) => {
    for (const value of ['x', '1', '{', ':'].map(endless)) {
      try {
        loadConfig({ [name]: value });
      } catch (error) {
        expect(error).toBeInstanceOf(ConfigError);
      }
    }
  });
});

describe('URLs of Redis', () => {
  test('what is taken for one has a host, and no query that could turn off what protects it', () => {
    fc.assert(
      fc.property(text, (url) => {
        const shown = maskedUrl(url);
        if (redisUrlProblem(url) !== undefined) return;
        const { hostname, search, username, password } = new URL(url);
        expect(hostname).not.toBe('');
        expect(search).toBe('');
        expect(() => decodeURIComponent(`${username}${password}`)).not.toThrow();
        if (password.length > 3) expect(new URL(shown).password).toBe('***');
      }),
    );
  });

  test.each([
    'redis:',
    'rediss:host',
    'redis:///1',
    'redis://h?tls=false',
    'redis://h?password=x',
    'redis://h#x',
    'redis://h/abc',
    'redis://u:%zz@h',
    'http://h',
    'REDIS',
  ])('%s is none', (url) => expect(redisUrlProblem(url)).toMatch(/^must be/));

  test.each([
    ['redis://h', 'redis://h'],
    ['redis://h:1/2', 'redis://h:1/2'],
    ['rediss://u:p%40ss@h', 'rediss://u:***@h'],
    ['redis://:p@[::1]:6379', 'redis://:***@[::1]:6379'],
    ['redis://a-password-at-the-wrong-place@h', 'redis://***@h'],
  ])('%s is one, shown as %s', (url, shown) => {
    expect(redisUrlProblem(url)).toBeUndefined();
    expect(maskedUrl(url)).toBe(shown);
  });
});

describe('lists of hosts of a cluster or of sentinels', () => {
  test('what is taken for one has hosts, and shows no password', () => {
    fc.assert(
      fc.property(text, (list) => {
        for (const location of [{ cluster: list }, { sentinels: list }]) {
          const shown = maskedLocation(location);
          if (locationProblem(location) !== undefined) continue;
          for (const { hostname, search, password } of locationUrls(location)) {
            expect(hostname).not.toBe('');
            expect(search).toBe('');
            if (password.length > 3) expect(shown).toContain(':***@');
          }
        }
      }),
    );
  });

  test.each([
    [{ cluster: 'h' }, 'cluster redis://h'],
    [{ cluster: 'h1:1, h2:2' }, 'cluster redis://h1:1,h2:2'],
    [{ cluster: 'rediss://u:p,%40@h1:1,[::1]:2' }, 'cluster rediss://u:***@h1:1,[::1]:2'],
    [{ sentinels: 'redis://:p@h1,h2/3' }, 'mymaster of sentinels redis://:***@h1,h2/3'],
    [
      { sentinels: 'h1,h2', master: 'videos', sentinelPassword: 'planted' },
      'videos of sentinels redis://h1,h2',
    ],
  ])('%j is one, shown as %s', (location, shown) => {
    expect(locationProblem(location)).toBeUndefined();
    expect(maskedLocation(location)).toBe(shown);
  });

  test('user and password are those of all hosts', () => {
    const urls = locationUrls({ cluster: 'rediss://u:p,%40@h1:1,h2:2' });
    expect(urls.map(({ host, password }) => [host, password])).toEqual([
      ['h1:1', 'p,%40'],
      ['h2:2', 'p,%40'],
    ]);
  });

  test.each([
    '',
    ',',
    'h1,,h2',
    'h1,h2?tls=false',
    'http://h1,h2',
    'rediss:h1,h2',
    'h1,redis://u:p@h2',
    'u:%zz@h',
  ])('%s is none', (list) => {
    expect(locationProblem({ cluster: list })).toMatch(/^must be/);
    expect(locationProblem({ sentinels: list })).toMatch(/^must be/);
    expect(maskedLocation({ cluster: list })).toBe('(invalid Redis location)');
  });
});

describe('the command line', () => {
  test('values of options are values, or errors that say what they should be', () => {
    for (const parse of [
      ...[parseDuration, parseExpiry, parsePartSize],
      ...[parsePort, parseQuota, parseWholeNumber],
    ]) {
      fc.assert(
        fc.property(text, (value) => {
          try {
            const parsed = parse(value);
            if (typeof parsed === 'number') expect(Number.isSafeInteger(parsed) && parsed >= 0).toBe(true);
          } catch (error) {
            expect((error as Error & { code: string }).code).toBe('commander.invalidArgument');
          }
        }),
      );
    }
  });

  test('any arguments end in an exit code, in words, and never in a stack', async () => {
    const option = fc.constantFrom(
      ...['--name', '--type', '--tag', '--class-id', '--part-size', '--priority', '--delay', '--key'],
      ...['--procedure', '--expire', '--storage-path', '--cover', '--hash'],
      ...[
        '--state',
        '--limit',
        '--json',
        '--no-check-source',
        '--',
        '-',
        '--bogus',
        '--__proto__',
        '--name=',
      ],
    );
    const argument = fc.oneof(option, text);
    const commandLine = fc.tuple(
      fc.constantFrom('add', 'status', 'list', 'retry', 'cancel', 'help', ''),
      fc.array(argument, { maxLength: 6 }),
    );
    // What comes as far as Redis must find none, and wait for none.
    const env = { REDIS_URL: 'wrong', SOURCE_ROOTS: dir };
    await fc.assert(
      fc.asyncProperty(commandLine, async ([command, args]) => {
        const context = memoryContext(env);
        const exitCode = await runCli([command, ...args], context);
        expect([0, 1, 2]).toContain(exitCode);
        expect(context.err.text).not.toMatch(/\n {4}at |unexpected error/);
        if (exitCode !== 0) expect(context.err.text).not.toBe('');
      }),
      { numRuns: 300 },
    );
  });
});

/** JSON that looks enough like ours to come past the first check. */
const nearlyOurs = (() => {
  const value = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom(1, 0, -1, 2 ** 53, 1e308, '', 'a'.repeat(40), 524_288, 1_048_576, {}, [], null),
  );
  const keys = [
    ...[
      'schema',
      'uploadId',
      'run',
      'source',
      'video',
      'priority',
      'nonce',
      'hashed',
      'known',
      'kind',
      'missing',
    ],
    ...[
      'fileSha',
      'version',
      'size',
      'mtimeNs',
      'inode',
      'partSize',
      'offset',
      'dataSize',
      'fileId',
      'url',
      '__proto__',
    ],
  ];
  return fc
    .dictionary(fc.constantFrom(...keys), value)
    .map((object) => ({ ...object, schema: SCHEMA_VERSION }));
})();

/** So deep, wide or long that whatever took the square of that would never end. */
const HUGE = [
  JSON.parse(`${'{"hashed":'.repeat(5000)}1${'}'.repeat(5000)}`),
  { schema: SCHEMA_VERSION, ...Object.fromEntries(Array(1_000_000).entries()) },
  endless('x'),
  Array(1_000_000).fill(1),
];

const jobsFolder = join(import.meta.dirname, '../../src/queue/jobs');
const jobModules = await Promise.all(readdirSync(jobsFolder).map((name) => import(join(jobsFolder, name))));
const PARSERS = jobModules
  .flatMap((module) => Object.entries<unknown>(module))
  .flatMap(([name, value]) =>
    name.startsWith('parse') ? [[name, value as (data: unknown) => unknown] as const] : [],
  );

test('the parsers of all jobs are found', () => expect(PARSERS.length).toBeGreaterThanOrEqual(15));

describe.each(PARSERS)('%s', (_, parse) => {
  test('takes anything, and gives a value or a reason that can be read', () => {
    const attempt = (value: unknown): void => {
      let thrown: unknown;
      try {
        parse(value);
        return;
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toBeInstanceOf(UnrecoverableError);
      const { message } = thrown as Error;
      expect(message.length).toBeLessThan(1000);
      expect(parseFailure(message)).toMatchObject({ code: 'INVALID_JOB', retryable: false });
    };
    fc.assert(fc.property(fc.oneof(fc.anything(), fc.jsonValue(), nearlyOurs), attempt), { numRuns: 200 });
    for (const value of HUGE) attempt(value);
  });
});

test('a reason in Redis and the text of INFO may be anything', () => {
  fc.assert(
    fc.property(text, (value) => {
      expect(parseFailure(value)).toMatchObject({ code: expect.any(String), message: expect.any(String) });
      expect(parseRedisInfo(value).version).toBeTypeOf('string');
    }),
  );
});

describe('lines of the log', () => {
  test('lose signatures, and users and passwords of URLs', () => {
    expect(redactUrls('GET https://h/x?Action=A&SecretId=AKID&Signature=ab%2Bc%3D&Region=gz "')).toBe(
      'GET https://h/x?Action=A&SecretId=[redacted]&Signature=[redacted]&Region=gz "',
    );
    expect(redactUrls('{"a":"redis://u:p@h:1/2","b":"a@b"}')).toBe(
      '{"a":"redis://[redacted]@h:1/2","b":"a@b"}',
    );
  });

  test('stay JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), text, (value, word) => {
        const line = JSON.stringify({ value, word, url: `https://u:p@h/?Signature=${word}` });
        expect(() => JSON.parse(redactUrls(line))).not.toThrow();
      }),
      { numRuns: 200 },
    );
  });

  test('may have any length', () => {
    for (const part of ['a.', 'http://', 'a-', '://', '@', 'Signature', 'a+b:/']) {
      const line = `@=${endless(part)}`;
      expect(redactUrls(line) === line, part).toBe(true);
    }
    expect(redactUrls(`@=${endless('Signature=')}`)).toBe('@=Signature=[redacted]');
  });
});
