import { type Config, requireCredentials, requireWorkerSettings } from '../src/config/config.ts';
import { ConfigError } from '../src/config/config-error.ts';
import { createCredentialsReader } from '../src/config/credentials-reader.ts';
import type { Logger } from '../src/process/log.ts';
import { SOURCE_STAGES, type Stage } from '../src/queue/names.ts';
import { resolveRoots } from '../src/source/roots.ts';
import type { VodCredentials } from '../src/vod/wire/params.ts';
import { callsVod } from './vod-hosts.ts';

/** What the settings must provide for a worker's stages. */
export interface WorkerRequirements {
  readonly credentials: () => VodCredentials | Promise<VodCredentials>;
  /** Absolute directories of SOURCE_ROOTS; empty for stages that read no files. */
  readonly directories: readonly string[];
}

/** @throws {ConfigError} or SourceError, as `startWorker` says */
export async function checkRequirements(
  config: Config,
  stages: ReadonlySet<Stage>,
  log: Logger,
): Promise<WorkerRequirements> {
  requireProxySupport(config);
  const readsSources = SOURCE_STAGES.some((stage) => stages.has(stage));
  requireWorkerSettings(config, { callsVod: callsVod(stages), readsSources });
  const credentials = callsVod(stages)
    ? createCredentialsReader(config, { log })
    : () => requireCredentials(config);
  const directories = readsSources ? await resolveRoots(config.sourceRoots, process.cwd()) : [];
  return { credentials, directories };
}

/** Node's HTTP agents support proxies since 22.21 and 24.5; older versions ignore the variables silently. */
function requireProxySupport(config: Config): void {
  const wanted = Object.keys(config.proxyEnv).filter((name) => /^https?_proxy$/i.test(name));
  if (wanted.length === 0 || process.allowedNodeEnvironmentFlags.has('--use-env-proxy')) return;
  throw new ConfigError([
    `${wanted.join(', ')} is set, but proxies need Node 22.21 or 24.5 (this is ${process.version})`,
  ]);
}
