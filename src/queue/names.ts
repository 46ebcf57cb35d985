import { createHash } from 'node:crypto';
import { UploaderError } from '../base/errors.ts';

/**
 * One queue per stage. A job of `init`, `part`, `finish` and `transcode` is exactly one call to VOD, a job of `webhook` one
 * delivery, and a job of `events` one event of VOD.
 */
export const QUEUES = {
  upload: 'vod-upload',
  hash: 'vod-hash',
  init: 'vod-init',
  part: 'vod-part',
  finish: 'vod-finish',
  transcode: 'vod-transcode',
  webhook: 'vod-webhook',
  events: 'vod-event',
} as const;

export type Stage = keyof typeof QUEUES;
export const STAGES = Object.keys(QUEUES) as readonly Stage[];

/**
 * The stages of a worker by default: all that uploads need. `events` must be enabled explicitly, because pulling the
 * account's events takes them away from other programs that pull them.
 */
export const DEFAULT_STAGES = STAGES.filter((stage) => stage !== 'events');

/** The stages whose jobs read the file. */
export const SOURCE_STAGES = ['hash', 'part'] as const satisfies readonly Stage[];

/** A stage with jobs that read a file: `init` reads the cover of an upload that has one. */
export type ReadingStage = (typeof SOURCE_STAGES)[number] | 'init';

/**
 * @param list names joined by commas; undefined = {@link DEFAULT_STAGES}
 * @throws {UploaderError} `STAGES`, with the names of all stages
 */
export function parseStages(list: string | undefined): readonly Stage[] {
  if (list === undefined) return DEFAULT_STAGES;
  const names = list.split(',').map((name) => name.trim());
  const wrong = names.filter((name) => !(STAGES as readonly string[]).includes(name));
  if (wrong.length > 0) {
    throw new UploaderError(
      'STAGES',
      `--stages: there is no stage "${wrong[0]}"; there are ${STAGES.join(', ')}`,
    );
  }
  return names as Stage[];
}

/**
 * One run of an upload from InitUpload to FinishUpload. `attempt` starts at 1 and increases when a failed upload is
 * retried. `round` starts at 0 in each attempt and increases when InitUpload must be called again.
 */
export interface Run {
  readonly attempt: number;
  readonly round: number;
}

/** `r2`, or `r2.1` after the first round of an attempt. */
export function runName(run: Run): string {
  return run.round === 0 ? `r${run.attempt}` : `r${run.attempt}.${run.round}`;
}

/** The step of a run that a child does. For a part it is the part's index. */
export type ChildStep = 'hash' | 'init' | 'finish' | 'transcode' | number;

/** Steps that are not repeated in later rounds of an attempt. */
const ONCE_PER_ATTEMPT: ReadonlySet<ChildStep> = new Set(['hash', 'transcode']);

/**
 * The id of a child. It is the same when a step is repeated after a crash, so that the child is not added twice. It differs
 * between runs, because a parent would wait forever for a child whose id is that of a kept failed job. BullMQ allows no
 * `:` in ids.
 */
export function childId(uploadId: string, run: Run, step: ChildStep): string {
  const name = runName(ONCE_PER_ATTEMPT.has(step) ? { ...run, round: 0 } : run);
  return `${uploadId}-${name}-${typeof step === 'number' ? `p${step}` : step}`;
}

/** The id of the upload that the child with this id belongs to. */
export function uploadIdOfChild(id: string): string {
  return id.slice(0, Math.max(0, id.lastIndexOf('-r')));
}

/** Returns a function that gives the index of a part job of this run from its id or key; undefined for other jobs. */
export function partIndexReader(uploadId: string, run: Run): (idOrKey: string) => number | undefined {
  const prefix = `${uploadId}-${runName(run)}-p`;
  return (idOrKey) => {
    const from = idOrKey.lastIndexOf(':') + 1;
    const index = idOrKey.startsWith(prefix, from) ? idOrKey.slice(from + prefix.length) : '';
    return /^\d{1,9}$/.test(index) ? Number(index) : undefined;
  };
}

/** Redis channel for ids of uploads whose active jobs must be aborted, on every replica. */
export function abortChannel(prefix: string): string {
  return `${prefix}:vod-abort`;
}

/** The id of the upload with this key: a hash of the key, so that BullMQ refuses a second upload with the same key. */
export function idOfKey(key: string): string {
  return `k${createHash('sha256').update(key).digest('hex').slice(0, 32)}`;
}
