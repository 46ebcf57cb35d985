import { takesCover } from '../src/backend/unsupported.ts';
import { type Config, requireCredentials, requireWorkerSettings } from '../src/config/config.ts';
import { ConfigError } from '../src/config/config-error.ts';
import { createCredentialsReader } from '../src/config/credentials-reader.ts';
import type { Logger } from '../src/process/log.ts';
import { SOURCE_STAGES, type Stage } from '../src/queue/names.ts';
import { SourceError } from '../src/source/errors.ts';
import { resolveRoots } from '../src/source/roots.ts';
import type { VodCredentials } from '../src/vod/wire/params.ts';
import { callsVod } from './vod-hosts.ts';

/** What the settings must provide for a worker's stages. */
export interface WorkerRequirements {
  readonly credentials: () => VodCredentials | Promise<VodCredentials>;
  /** Absolute directories of SOURCE_ROOTS; empty for stages that read no files, and where covers can't be read. */
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
  const directories = readsSources
    ? await resolveRoots(config.sourceRoots, process.cwd())
    : await coverDirectories(config, stages, log);
  return { credentials, directories };
}

/** A worker that reads no videos can do without the directories of covers: uploads that have none need no files. */
async function coverDirectories(
  { vod, sourceRoots }: Config,
  stages: ReadonlySet<Stage>,
  log: Logger,
): Promise<readonly string[]> {
  if (!stages.has('init') || !takesCover(vod.api) || sourceRoots === undefined) return [];
  try {
    return await resolveRoots(sourceRoots, process.cwd());
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    log.warn({ reason: error.message }, 'covers are left to other workers');
    return [];
  }
}

/** Node's HTTP agents support proxies since 22.21 and 24.5; older versions ignore the variables silently. */
function requireProxySupport(config: Config): void {
  const wanted = Object.keys(config.proxyEnv).filter((name) => /^https?_proxy$/i.test(name));
  if (wanted.length === 0 || process.allowedNodeEnvironmentFlags.has('--use-env-proxy')) return;
  throw new ConfigError([
    `${wanted.join(', ')} is set, but proxies need Node 22.21 or 24.5 (this is ${process.version})`,
  ]);
}
