import { formatDuration } from '../base/format.ts';
import { CANCELLED, type Failure } from '../queue/failure.ts';
import type { FinishValue } from '../queue/jobs/finish.ts';
import type { Hashed } from '../queue/jobs/hash.ts';
import type { InitValue, SendValue } from '../queue/jobs/init.ts';
import type { TranscodeValue } from '../queue/jobs/transcode.ts';
import type { StoredResult } from '../queue/jobs/upload-result.ts';
import type { TranscodeEnd } from './transcode.ts';

/** What is true of an upload now, in its present run. */
export interface Facts {
  /** Written down as soon as VOD had the video. */
  readonly result?: StoredResult;
  /** Of an upload that is to wait for its transcoding, once there is a `result`. */
  readonly transcoding?: {
    /** What VOD has begun in this attempt. */
    readonly begun?: TranscodeValue;
    /** How it ended, or that of an earlier attempt, if that was well. */
    readonly end?: TranscodeEnd;
    /** From `begun` on, how long the upload waits. */
    readonly timeoutMs: number;
    readonly nowMs: number;
  };
  readonly cancelled: boolean;
  /** Why a child of this run failed, the first that is known. */
  readonly failure?: Failure;
  readonly hashed?: Hashed;
  readonly init?: InitValue;
  /** Parts of this run that VOD took, or turned out to have as they are. */
  readonly partsDone: number;
  /** Parts that `init` asks for, to be sent or to be compared. */
  readonly partsPlanned: number;
  readonly finish?: FinishValue;
  /** See {@link Run}. */
  readonly round: number;
  /** FinishUploads of this attempt that were refused. */
  readonly refusals: number;
  /** Whether the round before this one ended with such a refusal. */
  readonly refusedBefore: boolean;
}

/** The one next thing to do for an upload. */
export type Step =
  | { readonly kind: 'hash' }
  /** `compare`: whether parts that VOD has are to be held against the file, which costs a read of it. */
  | { readonly kind: 'init'; readonly hashed: Hashed; readonly compare: boolean }
  | { readonly kind: 'parts'; readonly hashed: Hashed; readonly init: SendValue }
  | { readonly kind: 'finish'; readonly hashed: Hashed }
  /** Ask VOD again what it has, in a new round; `pause` when that is not the first one. `reason`: of the last finish. */
  | { readonly kind: 'replan'; readonly pause: boolean; readonly reason: string }
  /** Have VOD transcode its video. */
  | { readonly kind: 'transcode'; readonly result: StoredResult }
  /** Look again when the transcoding has ended, or at the latest after so long. */
  | { readonly kind: 'await'; readonly result: StoredResult; readonly leftMs: number }
  | { readonly kind: 'complete'; readonly result: StoredResult }
  /** Complete with what InitUpload (instant) or FinishUpload told. */
  | {
      readonly kind: 'settle';
      readonly outcome: StoredResult['outcome'];
      readonly fileId: string;
      readonly url: string;
    }
  /** `rehash`: what is known of the file may be wrong, so a retry computes its SHA-1 again. */
  | { readonly kind: 'fail'; readonly failure: Failure; readonly rehash?: true };

/** An attempt ends when FinishUpload is refused more often than this, though every part that VOD asked for is there. */
export const MAX_REFUSALS = 3;

/** … or when it has taken this many rounds, with pauses, to find out what became of its FinishUpload. */
export const MAX_ROUNDS = 60;

/**
 * Decides what comes next. Pure, and with no memory but the facts: whatever died in between, asking again gives the
 * right answer. A video that VOD has is a success even when something else failed or somebody cancelled.
 */
export function nextStep(facts: Facts): Step {
  const { hashed, init, finish } = facts;
  if (facts.result !== undefined) return afterUpload(facts, facts.result);
  if (finish?.kind === 'finished') return { ...finish, kind: 'settle', outcome: 'completed' };
  if (init?.kind === 'exists') {
    // In a later round the bytes were this upload's own: FinishUpload took effect and its reply was lost.
    return { ...init, kind: 'settle', outcome: facts.round > 0 ? 'completed' : 'instant' };
  }
  if (facts.cancelled) return { kind: 'fail', failure: CANCELLED };
  if (facts.failure !== undefined) return { kind: 'fail', failure: facts.failure };
  if (hashed === undefined) return { kind: 'hash' };
  // Once: when no part differs, comparing again finds nothing new.
  const compare = facts.refusedBefore && facts.refusals === 1;
  if (init === undefined) return { kind: 'init', hashed, compare };
  if (facts.partsDone < facts.partsPlanned) return { kind: 'parts', hashed, init };
  if (finish === undefined) return { kind: 'finish', hashed };
  if (facts.refusals <= MAX_REFUSALS && facts.round < MAX_ROUNDS)
    return { kind: 'replan', pause: facts.round > 0, reason: finish.reason };
  return {
    kind: 'fail',
    failure: {
      code: 'FINISH_UNRESOLVED',
      message: `FinishUpload did not succeed in ${facts.round + 1} rounds; the last said: ${finish.reason}`,
      retryable: true,
    },
    rehash: true,
  };
}

/** What comes next when VOD has the video: nothing, unless the upload waits for it to be transcoded. */
function afterUpload({ transcoding, cancelled, failure }: Facts, result: StoredResult): Step {
  if (transcoding === undefined) return { kind: 'complete', result };
  const { begun, end, timeoutMs, nowMs } = transcoding;
  if (end?.status === 0) return { kind: 'complete', result };
  if (cancelled) return { kind: 'fail', failure: CANCELLED };
  const failed = (code: string, what: string, retryable: boolean): Step => ({
    kind: 'fail',
    failure: { code, message: `VOD has the video as fileId ${result.fileId}, but ${what}`, retryable },
  });
  if (failure !== undefined)
    return failed(failure.code, `won't transcode it: ${failure.message}`, failure.retryable);
  if (begun === undefined) return { kind: 'transcode', result };
  if (end !== undefined) {
    const reason = end.message === '' ? '' : `: ${end.message}`;
    return failed('TRANSCODE_FAILED', `its transcoding failed with status ${end.status}${reason}`, false);
  }
  const leftMs = begun.at + timeoutMs - nowMs;
  if (leftMs > 0) return { kind: 'await', result, leftMs };
  return failed(
    'TRANSCODE_TIMEOUT',
    `has not told within ${formatDuration(timeoutMs)} that it is transcoded; events come only while a worker runs ` +
      'with --stages events or VOD calls EVENT_CALLBACK_PATH back',
    true,
  );
}
