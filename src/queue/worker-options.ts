import type { Telemetry, WorkerOptions } from 'bullmq';
import { defined } from '../base/defined.ts';
import type { Logger } from '../process/log.ts';
import type { RedisClient } from '../redis/client.ts';
import { isConnectionError } from '../redis/errors.ts';
import type { Stage } from './names.ts';

export interface WorkerSettings {
  readonly connection: RedisClient;
  /** Name of this process's workers in Redis's client list. */
  readonly name: string;
  readonly prefix: string;
  readonly lockDurationMs: number;
  readonly stalledIntervalMs: number;
  /** How often a worker checks whether its held queue was released early. */
  readonly heldLookMs: number;
  /** Absent while tracing is off. */
  readonly telemetry?: Telemetry | undefined;
}

/**
 * How often a job may stall. Each crash and each lost lock is a stall, and BullMQ never resets the count, so deploys and
 * outages must not add up to it.
 */
const MAX_STALLED_COUNT = 20;

/** The options of every BullMQ worker of this project. `maxStalledCount` must be the same on all of them. */
export function workerOptions(settings: WorkerSettings): WorkerOptions {
  return {
    connection: settings.connection,
    name: settings.name,
    prefix: settings.prefix,
    lockDuration: settings.lockDurationMs,
    stalledInterval: settings.stalledIntervalMs,
    maximumRateLimitDelay: settings.heldLookMs,
    maxStalledCount: MAX_STALLED_COUNT,
    ...defined({ telemetry: settings.telemetry }),
  };
}

/** While Redis is unreachable each worker has this error every second, and the connection's listener logs it: level debug. */
export function logWorkerError(log: Logger, stage: Stage, error: Error): void {
  log[isConnectionError(error) ? 'debug' : 'warn']({ stage, err: error.message }, 'worker error');
}
