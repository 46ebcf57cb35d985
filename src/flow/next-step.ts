import { formatDuration } from '../base/format.ts';
import { CANCELLED, type Failure } from '../queue/failure.ts';
import type { FinishValue } from '../queue/jobs/finish.ts';
import type { Hashed } from '../queue/jobs/hash.ts';
import type { InitValue, SendValue } from '../queue/jobs/init.ts';
import type { TranscodeValue } from '../queue/jobs/transcode.ts';
import type { StoredResult } from '../queue/jobs/upload-result.ts';
import type { TranscodeEnd } from './transcode-end.ts';

/** What is known of an upload, in its current run. */
export interface Facts {
  /** Present as soon as VOD has the video. */
  readonly result?: StoredResult;
  /** Present if the upload waits for its transcoding. */
  readonly transcoding?: {
    /** The transcoding that VOD started in this attempt. */
    readonly started?: TranscodeValue;
    /** How it ended, or a success of an earlier attempt's transcoding. */
    readonly end?: TranscodeEnd;
    /** How long the upload waits from `started.at` on. */
    readonly timeoutMs: number;
    readonly nowMs: number;
  };
  readonly cancelled: boolean;
  /** Why a child of this run failed; if several did, the first known reason. */
  readonly failure?: Failure;
  readonly hashed?: Hashed;
  readonly init?: InitValue;
  /** The code by which a part of this round was not sent because the session is over. */
  readonly expiry?: string;
  /** Planned parts that VOD has: sent, or found there with the same MD5. */
  readonly partsDone: number;
  /** Parts that `init` asks to send or to compare, without those that it records as done. */
  readonly partsPlanned: number;
  readonly finish?: FinishValue;
  /** Round of the attempt, see {@link Run}. */
  readonly round: number;
  /** How many FinishUploads of this attempt were refused. */
  readonly refusals: number;
  /** Whether FinishUpload was refused in the previous round. */
  readonly refusedBefore: boolean;
}

/** The next step of an upload. */
export type Step =
  | { readonly kind: 'hash' }
  /** `compare`: compare the parts that VOD has with the file, which reads the whole file. */
  | { readonly kind: 'init'; readonly hashed: Hashed; readonly compare: boolean }
  | { readonly kind: 'parts'; readonly hashed: Hashed; readonly init: SendValue }
  | { readonly kind: 'finish'; readonly hashed: Hashed; readonly init: SendValue }
  /**
   * Start a new round. `reason`: why this one did not succeed. `expired`: because its session is over. `pause`: wait first,
   * from the second time on.
   */
  | {
      readonly kind: 'replan';
      readonly pause: boolean;
      readonly reason: string;
      readonly expired: boolean;
    }
  | { readonly kind: 'transcode'; readonly result: StoredResult }
  /** Wait for the transcoding to end, for at most `leftMs`. */
  | { readonly kind: 'await'; readonly result: StoredResult; readonly leftMs: number }
  | { readonly kind: 'complete'; readonly result: StoredResult }
  /** Store the result: VOD has the video, from InitUpload (instant) or FinishUpload. */
  | {
      readonly kind: 'settle';
      readonly outcome: StoredResult['outcome'];
      readonly fileId: string;
      readonly url: string;
    }
  /** `rehash`: the known SHA-1 may be wrong, so a retry computes it again. */
  | { readonly kind: 'fail'; readonly failure: Failure; readonly rehash?: true };

/** An attempt fails when FinishUpload is refused more often than this although all parts were sent. */
export const MAX_REFUSALS = 3;

/** An attempt fails when FinishUpload has not succeeded in this many rounds. */
export const MAX_ROUNDS = 60;

/**
 * Decides the next step from the facts alone, so that it can be repeated after any crash. An upload whose video VOD has
 * succeeds, even if a child failed or the upload was cancelled.
 */
export function nextStep(facts: Facts): Step {
  const { hashed, init, finish } = facts;
  if (facts.result !== undefined) return afterUpload(facts, facts.result);
  if (finish?.kind === 'finished') return { ...finish, kind: 'settle', outcome: 'completed' };
  if (init?.kind === 'exists') {
    // In a later round this upload has sent the parts: its finish took effect, but the reply was lost.
    const { fileId, url, own } = init;
    return { kind: 'settle', fileId, url, outcome: facts.round > 0 || own ? 'completed' : 'instant' };
  }
  if (facts.cancelled) return { kind: 'fail', failure: CANCELLED };
  if (facts.failure !== undefined) return { kind: 'fail', failure: facts.failure };
  if (hashed === undefined) return { kind: 'hash' };
  // Only once: if no part differs, comparing again would find nothing new.
  const compare = facts.refusedBefore && facts.refusals === 1;
  if (init === undefined) return { kind: 'init', hashed, compare };
  if (facts.expiry !== undefined) return newRound(facts, `its session is over [${facts.expiry}]`, true);
  if (facts.partsDone < facts.partsPlanned) return { kind: 'parts', hashed, init };
  if (finish === undefined || finish.kind === 'abandoned') return { kind: 'finish', hashed, init };
  return newRound(facts, finish.reason, finish.kind === 'expired');
}

function newRound({ round, refusals }: Facts, reason: string, expired: boolean): Step {
  if (refusals <= MAX_REFUSALS && round < MAX_ROUNDS)
    return { kind: 'replan', pause: round > 0, reason, expired };
  return {
    kind: 'fail',
    failure: {
      code: 'FINISH_UNRESOLVED',
      message: `VOD did not make a video of the parts in ${round + 1} rounds; last reason: ${reason}`,
      retryable: true,
    },
    rehash: true,
  };
}

/** VOD has the video: the upload is complete, unless it waits for its transcoding. */
function afterUpload({ transcoding, cancelled, failure }: Facts, result: StoredResult): Step {
  if (transcoding === undefined) return { kind: 'complete', result };
  const { started, end, timeoutMs, nowMs } = transcoding;
  if (end?.status === 0) return { kind: 'complete', result };
  if (cancelled) return { kind: 'fail', failure: CANCELLED };
  const failed = (code: string, problem: string, retryable: boolean): Step => ({
    kind: 'fail',
    failure: { code, message: `VOD has the video as fileId ${result.fileId}, but ${problem}`, retryable },
  });
  if (failure !== undefined)
    return failed(failure.code, `transcoding it failed: ${failure.message}`, failure.retryable);
  if (started === undefined) return { kind: 'transcode', result };
  if (end !== undefined) {
    const reason = end.message === '' ? '' : `: ${end.message}`;
    return failed('TRANSCODE_FAILED', `its transcoding failed with status ${end.status}${reason}`, false);
  }
  const leftMs = started.at + timeoutMs - nowMs;
  if (leftMs > 0) return { kind: 'await', result, leftMs };
  return failed(
    'TRANSCODE_TIMEOUT',
    `no event has confirmed its transcoding within ${formatDuration(timeoutMs)}; events arrive only while a worker ` +
      'runs with --stages events, or VOD calls EVENT_CALLBACK_PATH',
    true,
  );
}
