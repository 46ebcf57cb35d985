import { z } from 'zod';
import { defined } from '../base/defined.ts';
import { BYTE_RATE, type LimitValues, SLOT_BOUNDS, UNLIMITED } from '../limits/limits.ts';
import type { ValueType } from '../limits/parse-timetable.ts';
import { memoryLimitBytes } from '../process/memory.ts';
import type { SlotBounds } from '../upload/slot-control.ts';
import { integer, type Values } from './variable-types.ts';

/** The same texts as in `vod-upload limits set`. */
const parsedBy = <Value>({ parse, rule }: ValueType<Value>) =>
  z.string().transform((text, { issues }) => {
    const value = parse(text);
    if (value !== undefined) return value;
    issues.push({ code: 'custom', message: `must be ${rule}`, input: text });
    return z.NEVER;
  });

const bytesPerSecond = parsedBy(BYTE_RATE).default(UNLIMITED);

export const WORKER_VARIABLES = {
  SOURCE_ROOTS: z.string().optional(),
  SOURCE_GRACE_MS: integer(60_000, 0, 3_600_000),
  SOURCE_READ_TIMEOUT_MS: integer(60_000, 1000, 3_600_000),
  HASH_CONCURRENCY: integer(2, 1, 64),
  PART_CONCURRENCY: parsedBy(SLOT_BOUNDS).optional(),
  MAX_BYTES_PER_SECOND: bytesPerSecond,
  MAX_BYTES_PER_SECOND_TOTAL: bytesPerSecond,
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
};

export interface WorkerConfig {
  /** Directories that sources may be in. Workers require them; elsewhere the default is the working directory. */
  readonly sourceRoots?: readonly string[];
  /** How long workers look for a source that none of them sees before its upload fails; 0 = not at all. */
  readonly sourceGraceMs: number;
  /** Timeout of each open, stat and read of a source file. */
  readonly sourceReadTimeoutMs: number;
  readonly hashConcurrency: number;
  /** Bounds of the number of parts sent at a time; between them throughput decides. */
  readonly partConcurrency: SlotBounds;
  /** The most slots that this process has memory for; a limit in Redis gives it no more. */
  readonly maxPartSlots: number;
  /** Limits on the bytes of parts: of this process, and of all replicas together; Infinity = no limit. */
  readonly maxBytesPerSecond: { readonly process: number; readonly total: number };
  /** Attempts of a job that makes one API call before its upload fails. */
  readonly partAttempts: number;
  readonly backoffBaseMs: number;
  readonly backoffMaxMs: number;
  /** Time between two probes while VOD does not answer (outage), and while it refuses the account or the clock. */
  readonly probeMs: { readonly outage: number; readonly account: number };
  readonly shutdownTimeoutMs: number;
  readonly lockDurationMs: number;
  readonly stalledIntervalMs: number;
  /** How long finished uploads stay in Redis: until they are too old or too many. */
  readonly keep: { readonly completed: Retention; readonly failed: Retention };
}

export interface Retention {
  readonly ageSeconds: number;
  readonly count: number;
}

/** The values of the limits while they are not set in Redis. */
export function limitVariables({ maxBytesPerSecond, partConcurrency }: WorkerConfig): LimitValues {
  return {
    'max-bytes-per-second': maxBytesPerSecond.total,
    'max-process-bytes-per-second': maxBytesPerSecond.process,
    'part-slots': partConcurrency,
  };
}

const DAY_SECONDS = 86_400;

/** A slot takes about 1.5 MiB: a part of up to 1 MiB, its share of the parts that are read ahead, and its connection. */
const MEMORY_LIMIT_PER_SLOT_BYTES = 10 * 2 ** 20;
const DEFAULT_SLOTS: SlotBounds = { min: 4, max: 32 };

/**
 * The bounds without PART_CONCURRENCY.
 * @param memoryBytes what the process may use; the slots take about a seventh of it at most
 */
export function defaultSlotBounds(memoryBytes: number): SlotBounds {
  const { min, max } = DEFAULT_SLOTS;
  return { min, max: Math.max(min, Math.min(max, slotsInMemory(memoryBytes))) };
}

function slotsInMemory(memoryBytes: number): number {
  return Math.floor(memoryBytes / MEMORY_LIMIT_PER_SLOT_BYTES);
}

export function workerConfig(values: Values<typeof WORKER_VARIABLES>, problems: string[]): WorkerConfig {
  if (values.BACKOFF_MAX_MS < values.BACKOFF_BASE_MS) {
    problems.push('BACKOFF_MAX_MS must not be less than BACKOFF_BASE_MS');
  }
  const memoryBytes = memoryLimitBytes();
  const partConcurrency = values.PART_CONCURRENCY ?? defaultSlotBounds(memoryBytes);
  return {
    ...defined({ sourceRoots: values.SOURCE_ROOTS?.split(':') }),
    sourceGraceMs: values.SOURCE_GRACE_MS,
    sourceReadTimeoutMs: values.SOURCE_READ_TIMEOUT_MS,
    hashConcurrency: values.HASH_CONCURRENCY,
    partConcurrency,
    maxPartSlots: Math.max(partConcurrency.max, slotsInMemory(memoryBytes)),
    maxBytesPerSecond: { process: values.MAX_BYTES_PER_SECOND, total: values.MAX_BYTES_PER_SECOND_TOTAL },
    partAttempts: values.PART_ATTEMPTS,
    backoffBaseMs: values.BACKOFF_BASE_MS,
    backoffMaxMs: values.BACKOFF_MAX_MS,
    probeMs: { outage: values.OUTAGE_PROBE_MS, account: values.ACCOUNT_PROBE_MS },
    shutdownTimeoutMs: values.SHUTDOWN_TIMEOUT_MS,
    lockDurationMs: values.LOCK_DURATION_MS,
    stalledIntervalMs: values.STALLED_INTERVAL_MS,
    keep: {
      completed: { ageSeconds: values.KEEP_COMPLETED_DAYS * DAY_SECONDS, count: values.KEEP_COMPLETED_COUNT },
      failed: { ageSeconds: values.KEEP_FAILED_DAYS * DAY_SECONDS, count: values.KEEP_FAILED_COUNT },
    },
  };
}
