import { z } from 'zod';
import { defined } from '../base/defined.ts';
import type { LogOptions } from '../process/log.ts';
import type { TracingSettings } from '../telemetry/tracing.ts';
import { ConfigError } from './config-error.ts';
import { type Environment, FILE_VARIABLE_NAMES, readVariables } from './environment.ts';
import { LOG_VARIABLES, logConfig } from './logging.ts';
import { OPS_VARIABLES, type OpsConfig, opsConfig } from './ops.ts';
import { REDIS_VARIABLES, type RedisConfig, readCa, redisConfig } from './redis.ts';
import { readTracing, TRACING_VARIABLES } from './tracing.ts';
import { VOD_VARIABLES, type VodConfig, vodConfig } from './vod.ts';
import { WEBHOOK_VARIABLES, type WebhookConfig, webhookConfig } from './webhooks.ts';
import { WORKER_VARIABLES, type WorkerConfig, workerConfig } from './worker.ts';

/** All settings, parsed and frozen. */
export interface Config extends RedisConfig, VodConfig, WorkerConfig, WebhookConfig, OpsConfig, LogOptions {
  /** Absent = off. */
  readonly tracing?: TracingSettings;
  /** One line for each setting that is not supported and does not prevent a start. */
  readonly warnings: readonly string[];
  /** The proxy variables, unchanged: see {@link PROXY_VARIABLES}. */
  readonly proxyEnv: Readonly<Record<string, string>>;
}

const schema = z.object({
  ...REDIS_VARIABLES,
  ...VOD_VARIABLES,
  ...WORKER_VARIABLES,
  ...WEBHOOK_VARIABLES,
  ...OPS_VARIABLES,
  ...LOG_VARIABLES,
});

/** The names that other programs use, too; those in lower case take precedence. */
export const PROXY_VARIABLES: readonly string[] = [
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
];

/** Every variable that {@link loadConfig} reads, except those of proxies; a test holds `.env.example` to this list. */
export const VARIABLES: readonly string[] = [
  ...Object.keys(schema.shape),
  ...FILE_VARIABLE_NAMES,
  ...TRACING_VARIABLES,
];

/**
 * Parses the environment. An empty variable counts as unset.
 * @throws {ConfigError} naming every variable that is wrong, and what it should be
 */
export function loadConfig(env: Environment): Config {
  const problems: string[] = [];
  const variables = readVariables(env, VARIABLES, problems);
  const parsed = schema.safeParse(variables);
  for (const { path, message } of parsed.error?.issues ?? []) problems.push(`${path.join('.')} ${message}`);
  const redisCa = readCa(variables, problems);
  if (!parsed.success) throw new ConfigError(problems);
  const values = parsed.data;
  const warnings: string[] = [];
  const config: Config = {
    ...redisConfig(values, variables, redisCa, problems),
    ...vodConfig(values, variables),
    ...workerConfig(values, problems),
    ...webhookConfig(values, problems),
    ...opsConfig(values),
    ...logConfig(values),
    ...defined({ tracing: readTracing(variables, warnings) }),
    warnings,
    proxyEnv: readProxyVariables(env),
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return deepFreeze(config);
}

function readProxyVariables(env: Environment): Record<string, string> {
  return Object.fromEntries(
    PROXY_VARIABLES.flatMap((name) => {
      const value = env[name];
      return value ? [[name, value]] : [];
    }),
  );
}

/** @throws {ConfigError} naming the variables that are not set */
export function requireCredentials(config: Config): { secretId: string; secretKey: string } {
  const { secretId, secretKey } = config.vod;
  if (secretId === undefined || secretKey === undefined) throw new ConfigError(credentialProblems(config));
  return { secretId, secretKey };
}

/**
 * Checks the settings that a worker needs for its stages.
 * @throws {ConfigError} naming all variables that are not set
 */
export function requireWorkerSettings(
  config: Config,
  stages: { readonly callsVod: boolean; readonly readsSources: boolean },
): void {
  const problems = stages.callsVod ? credentialProblems(config) : [];
  if (stages.readsSources && config.sourceRoots === undefined) {
    problems.push(
      'SOURCE_ROOTS is not set: it must name the directories that videos are in, joined by colons, such as ' +
        '/srv/videos; workers read files only in them',
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

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value))
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  return Object.freeze(value);
}
