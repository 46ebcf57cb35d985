import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { UploaderError } from '../base/errors.ts';
import { parseSecret, SECRET_RULE } from '../notify/webhook/signature.ts';
import { publicUrlProblem, webhookUrlProblem } from '../notify/webhook/url.ts';
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from '../process/log.ts';
import { locationProblem, masterProblem, type RedisLocation, urlsOf, variableOf } from '../redis/location.ts';
import { readTracing, TRACING_VARIABLES, type TracingSettings } from '../telemetry/tracing-settings.ts';
import type { SlotBounds } from '../upload/slot-control.ts';
import type { SignatureMethod } from '../vod/wire/protocol.ts';

/** The environment was wrong. `problems` has one readable line each, all found in one pass. */
export class ConfigError extends UploaderError {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super('CONFIG', `Configuration is wrong:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/** Everything that can be set from outside, parsed and frozen. Variable names are in {@link VARIABLES}. */
export interface Config {
  readonly redis: {
    readonly location: RedisLocation;
    /** Where the location comes from, when from a file; its user and password are read again at each new connection. */
    readonly locationFile?: string;
    /** The same of the sentinels' password. */
    readonly sentinelPasswordFile?: string;
    /** PEM certificates of the authorities to trust with rediss://; absent = those that Node trusts. */
    readonly ca?: string;
  };
  /** Whether a worker refuses a Redis that can lose uploads; else it warns. */
  readonly requireDurableRedis: boolean;
  /** Prefix of every Redis key; in braces so that all keys share one Redis Cluster slot. */
  readonly queuePrefix: string;
  readonly vod: {
    readonly endpoint: string;
    /** Of the calls for what comes after an upload. */
    readonly eventEndpoint: string;
    readonly region: string;
    readonly signatureMethod: SignatureMethod;
    /** Absent when neither the variable nor its file is set; {@link requireCredentials} insists. */
    readonly secretId?: string;
    readonly secretKey?: string;
    /** Where they come from, when from files; a changed file is read again. */
    readonly secretIdFile?: string;
    readonly secretKeyFile?: string;
    /** Requests per minute for the whole account; 0 = not limited by us. */
    readonly quotaPerMinute: {
      readonly init: number;
      readonly part: number;
      readonly finish: number;
      readonly transcode: number;
      /** Of PullEvent, and of ConfirmEvent. */
      readonly event: number;
    };
    /** How long that minute is: 60,000, but for an emulator whose minutes are shorter. */
    readonly quotaWindowMs: number;
  };
  readonly events: {
    /** Where `vod-upload ops` takes events by HTTP, `/` and a secret; absent = nowhere. */
    readonly callbackPath?: string;
    /** Whether workers of the stage `events` leave pulling to others, and only take what comes by HTTP. */
    readonly callbackOnly: boolean;
  };
  /** Directories that sources may be in. Workers insist on it: {@link requireOfWorker}; elsewhere it is the working directory. */
  readonly sourceRoots?: readonly string[];
  /** For how long a source that no worker sees is looked for before its upload fails; 0 = not at all. */
  readonly sourceGraceMs: number;
  /** How long each open, look and read of a source file may take. */
  readonly sourceReadTimeoutMs: number;
  readonly hashConcurrency: number;
  /** Parts at a time; between the two, what throughput asks for. */
  readonly partConcurrency: SlotBounds;
  /** Caps on the bytes of parts: of this process, and of all replicas together; absent = none. */
  readonly maxBytesPerSecond: { readonly process?: number; readonly total?: number };
  /** Attempts of one API call's job before its upload fails. */
  readonly partAttempts: number;
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
  /** How long to wait between two probes while VOD does not answer, and while it refuses the account or the clock. */
  readonly probeMs: { readonly outage: number; readonly account: number };
  readonly shutdownTimeoutMs: number;
  readonly lockDurationMs: number;
  readonly stalledIntervalMs: number;
  /** How long finished uploads stay in Redis: until they are too old, or too many. */
  readonly keep: { readonly completed: Retention; readonly failed: Retention };
  /** Who is told of ends of uploads, and how. */
  readonly webhooks: {
    /** Told of all uploads; each upload may name one more. */
    readonly urls: readonly string[];
    /** One, or while it is replaced two, of the form `whsec_…`; required when there are URLs. */
    readonly secrets: readonly string[];
    /** Whether they may be of this machine and of private networks, and unencrypted. */
    readonly allowPrivate: boolean;
    /** How long a webhook is tried again. */
    readonly retryHours: number;
  };
  /** Where a worker serves its metrics and health. */
  readonly metrics: {
    readonly host: string;
    /** 0 = any free port; absent = the usual one, or any free one when that is taken. */
    readonly port?: number;
  };
  /** Where `vod-upload ops` serves its pages. */
  readonly ops: {
    readonly host: string;
    /** 0 = any free port. */
    readonly port: number;
    /** Who may look and press buttons; empty = everybody who gets there. */
    readonly users: readonly OpsUser[];
    /** Whether nobody may press buttons. */
    readonly readOnly: boolean;
    /** What a proxy in front has put before all paths, such as `/vod`; empty = nothing. */
    readonly basePath: string;
  };
  /** The revision of the sources that this was built from. */
  readonly revision: string;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** Names of fields whose values are not logged. */
  readonly logRedact: readonly string[];
  /** Absent = off. */
  readonly tracing?: TracingSettings;
  /** What was asked for and can't be done, one readable line each, though it keeps nothing from working. */
  readonly warnings: readonly string[];
  /** `http_proxy`, `https_proxy`, `no_proxy` and their capitals, as they were. */
  readonly proxyEnv: Readonly<Record<string, string>>;
}

export interface OpsUser {
  readonly name: string;
  readonly password: string;
}

export interface Retention {
  readonly ageSeconds: number;
  readonly count: number;
}

const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .refine(
      (value) => /^\d{1,15}$/.test(value) && Number(value) >= min && Number(value) <= max,
      `must be a whole number from ${min} to ${max}`,
    )
    .transform(Number);
const integer = (fallback: number, min: number, max: number) => wholeNumber(min, max).default(fallback);

/** Below the lowest a part would take longer than most servers wait for one. */
const bytesPerSecond = wholeNumber(64 * 1024, 1e12);

/** `8`, or `4-32`. */
const slotBounds = z
  .string()
  .transform((value) => /^(\d{1,3})(?:-(\d{1,3}))?$/.exec(value)?.slice(1) ?? [])
  .transform(([min, max = min]) => ({ min: Number(min), max: Number(max) }))
  .refine(
    ({ min, max }) => min >= 1 && min <= max && max <= 512,
    'must be a whole number from 1 to 512, or two of them as in 4-32, the lower first',
  );

const httpUrl = z.string().refine((value) => {
  const url = URL.parse(value);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.search === '';
}, 'must be an http:// or https:// URL without credentials or query');

/** @param problemOf what is wrong with a value; must not repeat it */
const checked = (problemOf: (value: string) => string | undefined) =>
  z.string().check(({ value, issues }) => {
    const problem = problemOf(value);
    if (problem !== undefined) issues.push({ code: 'custom', message: problem, input: value });
  });

const flag = z
  .enum(['0', '1'], 'must be 0 or 1')
  .default('0')
  .transform((value) => value === '1');

const host = z
  .string()
  .regex(
    /^[A-Za-z0-9.:-]+$/,
    'must be the name or address of an interface, such as 127.0.0.1, 0.0.0.0 or ::',
  );

/** `alice:her password`, separated by commas or, in a file, by lines. */
const opsUsers = z
  .string()
  .transform((value) =>
    value
      .split(/[,\n]/)
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ''),
  )
  .refine(
    (entries) => entries.every((entry) => /^[^:]+:.+$/.test(entry)),
    'must be like name:password, with commas or line ends between users',
  )
  .transform((entries) =>
    entries.map((entry) => {
      const at = entry.indexOf(':');
      return { name: entry.slice(0, at), password: entry.slice(at + 1) };
    }),
  );

/** Separated by commas, spaces or, in a file, by lines. */
const list = z.string().transform((value) => value.split(/[,\s]+/).filter((entry) => entry !== ''));

const webhookSecrets = list
  .refine((secrets) => secrets.every((secret) => parseSecret(secret) !== undefined), `must be ${SECRET_RULE}`)
  .refine((secrets) => secrets.length <= 2, 'must be one secret or, while it is replaced by another, both');

const fieldNames = z
  .string()
  .transform((value) => value.split(',').map((name) => name.trim()))
  .refine(
    (names) => names.every((name) => /^[A-Za-z_]\w*$/.test(name)),
    'must be names of fields, such as source,url',
  );

const schema = z.object({
  REDIS_URL: checked(locationProblem).default('redis://127.0.0.1:6379'),
  REDIS_CLUSTER_NODES: checked((cluster) => locationProblem({ cluster })).optional(),
  REDIS_SENTINELS: checked((sentinels) => locationProblem({ sentinels })).optional(),
  REDIS_SENTINEL_MASTER: checked(masterProblem).optional(),
  REDIS_SENTINEL_USERNAME: z.string().optional(),
  REDIS_SENTINEL_PASSWORD: z.string().optional(),
  REDIS_CA_FILE: z.string().optional(),
  REQUIRE_DURABLE_REDIS: flag,
  QUEUE_PREFIX: z
    .string()
    .regex(
      /^\{[^{}:\s]+\}[^{}:\s]*$/,
      'must start with a name in braces, such as {vod}, and hold no ":" or space',
    )
    .default('{vod}'),
  VOD_ENDPOINT: httpUrl.default('https://vod2.qcloud.com/v2/index.php'),
  VOD_EVENT_ENDPOINT: httpUrl.default('https://vod.api.qcloud.com/v2/index.php'),
  VOD_SECRET_ID: z.string().optional(),
  VOD_SECRET_KEY: z.string().optional(),
  VOD_REGION: z
    .string()
    .regex(/^[a-z0-9-]+$/, 'must be a region such as gz')
    .default('gz'),
  VOD_SIGNATURE_METHOD: z
    .enum(['HmacSHA1', 'HmacSHA256'], 'must be HmacSHA1 or HmacSHA256')
    .default('HmacSHA1'),
  VOD_QUOTA_INIT_PER_MINUTE: integer(100, 0, 10_000_000),
  VOD_QUOTA_PART_PER_MINUTE: integer(10_000, 0, 10_000_000),
  VOD_QUOTA_FINISH_PER_MINUTE: integer(100, 0, 10_000_000),
  VOD_QUOTA_TRANSCODE_PER_MINUTE: integer(100, 0, 10_000_000),
  VOD_QUOTA_EVENT_PER_MINUTE: integer(1000, 0, 10_000_000),
  VOD_QUOTA_WINDOW_MS: integer(60_000, 1000, 86_400_000),
  EVENT_CALLBACK_PATH: z
    .string()
    .regex(
      /^\/[A-Za-z0-9_-]{22,128}$/,
      'must be "/" and 22 to 128 letters, digits, "-" or "_" that nobody can guess, such as openssl rand -hex 16 prints',
    )
    .optional(),
  EVENT_CALLBACK_ONLY: flag,
  SOURCE_ROOTS: z.string().optional(),
  SOURCE_GRACE_MS: integer(60_000, 0, 3_600_000),
  SOURCE_READ_TIMEOUT_MS: integer(60_000, 1000, 3_600_000),
  HASH_CONCURRENCY: integer(2, 1, 64),
  PART_CONCURRENCY: slotBounds.default({ min: 1, max: 8 }),
  MAX_BYTES_PER_SECOND: bytesPerSecond.optional(),
  MAX_BYTES_PER_SECOND_TOTAL: bytesPerSecond.optional(),
  PART_ATTEMPTS: integer(60, 1, 1000),
  BACKOFF_BASE_MS: integer(1000, 1, 3_600_000),
  BACKOFF_MAX_MS: integer(120_000, 1, 86_400_000),
  OUTAGE_PROBE_MS: integer(2000, 10, 600_000),
  ACCOUNT_PROBE_MS: integer(30_000, 10, 3_600_000),
  SHUTDOWN_TIMEOUT_MS: integer(25_000, 0, 3_600_000),
  LOCK_DURATION_MS: integer(60_000, 1000, 3_600_000),
  STALLED_INTERVAL_MS: integer(30_000, 100, 3_600_000),
  KEEP_COMPLETED_DAYS: integer(7, 1, 3650),
  KEEP_COMPLETED_COUNT: integer(10_000, 1, 10_000_000),
  KEEP_FAILED_DAYS: integer(30, 1, 3650),
  KEEP_FAILED_COUNT: integer(10_000, 1, 10_000_000),
  WEBHOOK_URL: list.default([]),
  WEBHOOK_SECRETS: webhookSecrets.default([]),
  WEBHOOK_ALLOW_PRIVATE: flag,
  WEBHOOK_RETRY_HOURS: integer(24, 0, 720),
  METRICS_HOST: host.default('0.0.0.0'),
  METRICS_PORT: wholeNumber(0, 65_535).optional(),
  OPS_HOST: host.default('127.0.0.1'),
  OPS_PORT: integer(9323, 0, 65_535),
  OPS_USERS: opsUsers.default([]),
  OPS_READ_ONLY: flag,
  OPS_BASE_PATH: z
    .string()
    .transform((value) => value.replace(/\/$/, ''))
    .refine(
      (value) => /^(\/[A-Za-z0-9._~-]+)*$/.test(value),
      'must be a path such as /vod, of letters, digits, ".", "_", "~" and "-"',
    )
    .default(''),
  BUILD_REVISION: z
    .string()
    .regex(/^[\w.+-]{1,64}$/, 'must be a revision such as 3f2c1ab')
    .default('unknown'),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
  LOG_FORMAT: z.enum(LOG_FORMATS, `must be one of ${LOG_FORMATS.join(', ')}`).default('auto'),
  LOG_REDACT: fieldNames.default([]),
});

const DAY_SECONDS = 86_400;
/** Each of them can be in a file that a variable with `_FILE` behind the name names. */
const SECRETS = [
  'VOD_SECRET_ID',
  'VOD_SECRET_KEY',
  'OPS_USERS',
  'EVENT_CALLBACK_PATH',
  'WEBHOOK_URL',
  'WEBHOOK_SECRETS',
  'REDIS_URL',
  'REDIS_CLUSTER_NODES',
  'REDIS_SENTINELS',
  'REDIS_SENTINEL_PASSWORD',
] as const;
/** Read as every program reads them; those in small letters count before those in capitals. */
export const PROXY_VARIABLES: readonly string[] = [
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
];

/** Every variable that {@link loadConfig} reads, proxies apart; `.env.example` is held to this list. */
export const VARIABLES: readonly string[] = [
  ...Object.keys(schema.shape),
  ...SECRETS.map((name) => `${name}_FILE`),
  ...TRACING_VARIABLES,
];

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Parses the environment. An empty variable counts as unset.
 * @throws {ConfigError} naming every variable that is wrong, and what it should be.
 */
export function loadConfig(env: Environment): Config {
  const problems: string[] = [];
  const set = Object.fromEntries(VARIABLES.map((name) => [name, env[name]?.trim() || undefined]));
  for (const name of SECRETS) {
    const path = set[`${name}_FILE`];
    if (path === undefined) continue;
    if (set[name] !== undefined) {
      problems.push(`${name} and ${name}_FILE are both set: keep one of them`);
      continue;
    }
    const secret = readSecret(path);
    if (secret.ok) set[name] = secret.value;
    else problems.push(`${name}_FILE ${secret.problem}`);
  }
  const parsed = schema.safeParse(set);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) problems.push(`${issue.path.join('.')} ${issue.message}`);
  } else if (parsed.data.BACKOFF_MAX_MS < parsed.data.BACKOFF_BASE_MS) {
    problems.push('BACKOFF_MAX_MS must not be less than BACKOFF_BASE_MS');
  }
  if (parsed.success) problems.push(...webhookProblems(parsed.data));
  let redisCa: string | undefined;
  if (set.REDIS_CA_FILE !== undefined) {
    const read = readAuthorities(set.REDIS_CA_FILE);
    if (!read.ok) problems.push(`REDIS_CA_FILE ${read.problem}`);
    else redisCa = read.value;
  }
  const location = parsed.success ? redisLocation(parsed.data, set, problems) : undefined;
  if (location !== undefined && redisCa !== undefined && urlsOf(location)[0]?.protocol !== 'rediss:') {
    const variable = variableOf(location);
    problems.push(`REDIS_CA_FILE is set, but ${variable} is without TLS: it must begin with rediss://`);
  }
  const warnings: string[] = [];
  const tracing = readTracing(set, warnings);
  if (!parsed.success || location === undefined || problems.length > 0) throw new ConfigError(problems);
  const v = parsed.data;
  const locationFile = set[`${variableOf(location)}_FILE`];
  return deepFreeze({
    redis: {
      location,
      ...(locationFile !== undefined && { locationFile }),
      ...(set.REDIS_SENTINEL_PASSWORD_FILE !== undefined && {
        sentinelPasswordFile: set.REDIS_SENTINEL_PASSWORD_FILE,
      }),
      ...(redisCa !== undefined && { ca: redisCa }),
    },
    requireDurableRedis: v.REQUIRE_DURABLE_REDIS,
    queuePrefix: v.QUEUE_PREFIX,
    vod: {
      endpoint: v.VOD_ENDPOINT,
      eventEndpoint: v.VOD_EVENT_ENDPOINT,
      region: v.VOD_REGION,
      signatureMethod: v.VOD_SIGNATURE_METHOD,
      ...(v.VOD_SECRET_ID !== undefined && { secretId: v.VOD_SECRET_ID }),
      ...(v.VOD_SECRET_KEY !== undefined && { secretKey: v.VOD_SECRET_KEY }),
      ...(set.VOD_SECRET_ID_FILE !== undefined && { secretIdFile: set.VOD_SECRET_ID_FILE }),
      ...(set.VOD_SECRET_KEY_FILE !== undefined && { secretKeyFile: set.VOD_SECRET_KEY_FILE }),
      quotaPerMinute: {
        init: v.VOD_QUOTA_INIT_PER_MINUTE,
        part: v.VOD_QUOTA_PART_PER_MINUTE,
        finish: v.VOD_QUOTA_FINISH_PER_MINUTE,
        transcode: v.VOD_QUOTA_TRANSCODE_PER_MINUTE,
        event: v.VOD_QUOTA_EVENT_PER_MINUTE,
      },
      quotaWindowMs: v.VOD_QUOTA_WINDOW_MS,
    },
    events: {
      ...(v.EVENT_CALLBACK_PATH !== undefined && { callbackPath: v.EVENT_CALLBACK_PATH }),
      callbackOnly: v.EVENT_CALLBACK_ONLY,
    },
    ...(v.SOURCE_ROOTS !== undefined && { sourceRoots: v.SOURCE_ROOTS.split(':') }),
    sourceGraceMs: v.SOURCE_GRACE_MS,
    sourceReadTimeoutMs: v.SOURCE_READ_TIMEOUT_MS,
    hashConcurrency: v.HASH_CONCURRENCY,
    partConcurrency: v.PART_CONCURRENCY,
    maxBytesPerSecond: {
      ...(v.MAX_BYTES_PER_SECOND !== undefined && { process: v.MAX_BYTES_PER_SECOND }),
      ...(v.MAX_BYTES_PER_SECOND_TOTAL !== undefined && { total: v.MAX_BYTES_PER_SECOND_TOTAL }),
    },
    partAttempts: v.PART_ATTEMPTS,
    backoffBaseMs: v.BACKOFF_BASE_MS,
    backoffMaxMs: v.BACKOFF_MAX_MS,
    probeMs: { outage: v.OUTAGE_PROBE_MS, account: v.ACCOUNT_PROBE_MS },
    shutdownTimeoutMs: v.SHUTDOWN_TIMEOUT_MS,
    lockDurationMs: v.LOCK_DURATION_MS,
    stalledIntervalMs: v.STALLED_INTERVAL_MS,
    keep: {
      completed: { ageSeconds: v.KEEP_COMPLETED_DAYS * DAY_SECONDS, count: v.KEEP_COMPLETED_COUNT },
      failed: { ageSeconds: v.KEEP_FAILED_DAYS * DAY_SECONDS, count: v.KEEP_FAILED_COUNT },
    },
    webhooks: {
      urls: v.WEBHOOK_URL,
      secrets: v.WEBHOOK_SECRETS,
      allowPrivate: v.WEBHOOK_ALLOW_PRIVATE,
      retryHours: v.WEBHOOK_RETRY_HOURS,
    },
    metrics: {
      host: v.METRICS_HOST,
      ...(v.METRICS_PORT !== undefined && { port: v.METRICS_PORT }),
    },
    ops: {
      host: v.OPS_HOST,
      port: v.OPS_PORT,
      users: v.OPS_USERS,
      readOnly: v.OPS_READ_ONLY,
      basePath: v.OPS_BASE_PATH,
    },
    revision: v.BUILD_REVISION,
    logLevel: v.LOG_LEVEL,
    logFormat: v.LOG_FORMAT,
    logRedact: v.LOG_REDACT,
    ...(tracing !== undefined && { tracing }),
    warnings,
    proxyEnv: Object.fromEntries(
      PROXY_VARIABLES.flatMap((name) => {
        const value = env[name];
        return value ? [[name, value]] : [];
      }),
    ),
  });
}

function webhookProblems({
  WEBHOOK_URL: urls,
  WEBHOOK_SECRETS: secrets,
  WEBHOOK_ALLOW_PRIVATE: allowPrivate,
}: z.infer<typeof schema>): string[] {
  const problems = urls.flatMap((url, index) => {
    const ofUrl = webhookUrlProblem(url);
    const ofPublic = ofUrl === undefined && !allowPrivate ? publicUrlProblem(url) : undefined;
    const problem = ofUrl ?? (ofPublic && `${ofPublic}, unless WEBHOOK_ALLOW_PRIVATE is 1`);
    const which = urls.length > 1 ? ` (URL ${index + 1} of ${urls.length})` : '';
    return problem === undefined ? [] : [`WEBHOOK_URL${which} ${problem}`];
  });
  if (urls.length > 0 && secrets.length === 0) {
    problems.push('WEBHOOK_SECRETS is not set, but WEBHOOK_URL is: nothing is sent unsigned');
  }
  return problems;
}

/** Where Redis is: what the one variable of three says that is set. */
function redisLocation(values: z.infer<typeof schema>, set: Environment, problems: string[]): RedisLocation {
  const places = ['REDIS_URL', 'REDIS_CLUSTER_NODES', 'REDIS_SENTINELS'].filter((name) => set[name]);
  if (places.length > 1) {
    problems.push(`${places.join(' and ')} are set: only one of them can say where Redis is`);
  }
  const { REDIS_CLUSTER_NODES: cluster, REDIS_SENTINELS: sentinels } = values;
  const {
    REDIS_SENTINEL_MASTER: master,
    REDIS_SENTINEL_USERNAME: sentinelUsername,
    REDIS_SENTINEL_PASSWORD: sentinelPassword,
  } = values;
  const more = ['REDIS_SENTINEL_MASTER', 'REDIS_SENTINEL_USERNAME', 'REDIS_SENTINEL_PASSWORD'];
  for (const name of more) {
    if (sentinels === undefined && set[name]) problems.push(`${name} is set, but REDIS_SENTINELS is not`);
  }
  if (sentinelUsername !== undefined && sentinelPassword === undefined) {
    problems.push('REDIS_SENTINEL_USERNAME is set, but REDIS_SENTINEL_PASSWORD is not');
  }
  if (cluster !== undefined) return { cluster };
  if (sentinels === undefined) return values.REDIS_URL;
  return {
    sentinels,
    ...(master !== undefined && { master }),
    ...(sentinelUsername !== undefined && { sentinelUsername }),
    ...(sentinelPassword !== undefined && { sentinelPassword }),
  };
}

/** @throws {ConfigError} naming what is missing. */
export function requireCredentials(config: Config): { secretId: string; secretKey: string } {
  const { secretId, secretKey } = config.vod;
  if (secretId === undefined || secretKey === undefined) throw new ConfigError(credentialProblems(config));
  return { secretId, secretKey };
}

/**
 * What some workers need, by what they do.
 * @throws {ConfigError} naming all that is missing
 */
export function requireOfWorker(
  config: Config,
  does: { readonly callsVod: boolean; readonly readsSources: boolean },
): void {
  const problems = does.callsVod ? credentialProblems(config) : [];
  if (does.readsSources && config.sourceRoots === undefined) {
    problems.push(
      'SOURCE_ROOTS is not set: it must name the directories that videos are in, joined by colons, such as ' +
        '/srv/videos; workers read files in them and nowhere else',
    );
  }
  if (problems.length > 0) throw new ConfigError(problems);
}

function credentialProblems({ vod: { secretId, secretKey } }: Config): string[] {
  const problems: string[] = [];
  if (secretId === undefined) problems.push('VOD_SECRET_ID (or VOD_SECRET_ID_FILE) is not set');
  if (secretKey === undefined) problems.push('VOD_SECRET_KEY (or VOD_SECRET_KEY_FILE) is not set');
  return problems;
}

type FileRead =
  | { readonly ok: true; readonly value: string }
  | { readonly ok: false; readonly problem: string };

function readSecret(path: string): FileRead {
  try {
    const value = readFileSync(path, 'utf8').trim();
    return value === '' ? { ok: false, problem: `names an empty file: ${path}` } : { ok: true, value };
  } catch (error) {
    return { ok: false, problem: `can't be read: ${path} (${(error as NodeJS.ErrnoException).code})` };
  }
}

/** A wrong file would otherwise be told as a certificate that isn't trusted, at the first connection. */
function readAuthorities(path: string): FileRead {
  const read = readSecret(path);
  if (!read.ok) return read;
  try {
    new X509Certificate(read.value);
    return read;
  } catch {
    return { ok: false, problem: `does not hold certificates in PEM: ${path}` };
  }
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value))
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  return Object.freeze(value);
}
