import { createHash } from 'node:crypto';
import { UploaderError } from '../base/errors.ts';

/**
 * One queue per stage; each job of `init`, `part`, `finish` and `transcode` is exactly one call to VOD, of `webhook` one
 * delivery, and of `events` one event that VOD has told.
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
 * What a worker does unless it is told otherwise: all that an upload needs. Who pulls the account's events takes them
 * from every other program that pulls them, so that must be asked for.
 */
export const DEFAULT_STAGES = STAGES.filter((stage) => stage !== 'events');

/** Those whose jobs read the file. */
export const SOURCE_STAGES = ['hash', 'part'] as const satisfies readonly Stage[];

/**
 * @param list names joined by commas, as people write them; undefined = what is usual
 * @throws {UploaderError} `STAGES`, naming the stages there are
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
 * One pass of an upload from InitUpload to FinishUpload. `attempt` counts from 1 and rises when the upload has failed
 * and is retried; `round` counts from 0 within an attempt and rises when VOD must be asked again what it has.
 */
export interface Run {
  readonly attempt: number;
  readonly round: number;
}

/** `r2` or, after the first round of an attempt, `r2.1`. */
export function runName(run: Run): string {
  return run.round === 0 ? `r${run.attempt}` : `r${run.attempt}.${run.round}`;
}

/** The step of a run that a child is for; a part's is its index. */
export type ChildStep = 'hash' | 'init' | 'finish' | 'transcode' | number;

/** Another round asks VOD again what it has, and nothing else. */
const ONCE_AN_ATTEMPT: ReadonlySet<ChildStep> = new Set(['hash', 'transcode']);

/**
 * Child ids are the same whenever the same step is done again, so that doing it again after a crash adds nothing; and
 * they differ from run to run, because a parent would wait for ever for a kept failed child of that id.
 * BullMQ allows no `:` in them.
 */
export function childId(uploadId: string, run: Run, step: ChildStep): string {
  const name = runName(ONCE_AN_ATTEMPT.has(step) ? { ...run, round: 0 } : run);
  return `${uploadId}-${name}-${typeof step === 'number' ? `p${step}` : step}`;
}

/** Redis channel on which the id of an upload is published when its active jobs are to be aborted, on every replica. */
export function abortChannel(prefix: string): string {
  return `${prefix}:vod-abort`;
}

/** The id of the upload with this key: the same wherever it is computed, so that Redis itself refuses a second. */
export function idOfKey(key: string): string {
  return `k${createHash('sha256').update(key).digest('hex').slice(0, 32)}`;
}
