import { defined } from '../base/defined.ts';
import type { ReceivedEvent } from '../events/vod-event-log.ts';
import { parseFailure } from '../queue/failure.ts';
import { parseFinishValue } from '../queue/jobs/finish.ts';
import { type Hashed, parseHashed } from '../queue/jobs/hash.ts';
import { type InitValue, parseInitValue } from '../queue/jobs/init.ts';
import type { UploadData } from '../queue/jobs/upload.ts';
import type { Run } from '../queue/names.ts';
import { partCount } from '../upload/plan.ts';
import { countIndices, difference, rangesOf } from '../upload/ranges.ts';
import type { Children } from './children.ts';
import type { Facts } from './next-step.ts';
import { plannedRanges } from './planned-parts.ts';
import { transcodeEnd } from './transcode-end.ts';

/** What was read from Redis about an upload. */
export interface Observed {
  readonly data: UploadData;
  readonly run: Run;
  readonly children: Children;
  readonly cancelled: boolean;
  /** Events of VOD; read only if the upload waits for its transcoding. */
  readonly events: readonly ReceivedEvent[];
  readonly nowMs: number;
}

/** @throws if the result of a child is invalid */
export function factsOf(observed: Observed): Facts {
  const { data, run, children, cancelled } = observed;
  const parsed = <T>(parse: (value: unknown) => T, step: 'hash' | 'init' | 'finish'): T | undefined => {
    const value = children.result(run, step);
    return value === undefined ? undefined : parse(value);
  };
  const failure = children.failure(run);
  const hashed = parsed(parseHashed, 'hash');
  const init = parsed(parseInitValue, 'init');
  return {
    cancelled,
    ...countParts(hashed, init, children.doneParts(run)),
    round: run.round,
    ...refusals(run, children),
    ...defined({
      expiry: children.expiry(run),
      result: data.result,
      transcoding: transcoding(observed),
      failure: failure === undefined ? undefined : parseFailure(failure),
      hashed,
      init,
      finish: parsed(parseFinishValue, 'finish'),
    }),
  };
}

/** A part that is done but not planned must not count: FinishUpload would be called while another part is missing. */
function countParts(
  hashed: Hashed | undefined,
  init: InitValue | undefined,
  done: readonly number[],
): Pick<Facts, 'partsDone' | 'partsPlanned'> {
  if (hashed === undefined || init?.kind !== 'send') return { partsDone: 0, partsPlanned: 0 };
  const planned = plannedRanges(init, partCount(hashed.version.size, init.partSize));
  const partsPlanned = countIndices(planned);
  return { partsPlanned, partsDone: partsPlanned - countIndices(difference(planned, rangesOf(done))) };
}

/** How many sessions of this attempt have expired, in the rounds before this one. */
export function expiredSessions({ attempt, round }: Run, children: Children): number {
  const rounds = Array.from({ length: round }, (_, past) => ({ attempt, round: past }));
  return rounds.filter((run) => children.hasExpired(run)).length;
}

function refusals({ attempt, round }: Run, children: Children): Pick<Facts, 'refusals' | 'refusedBefore'> {
  const refused = Array.from({ length: round + 1 }, (_, past) => {
    const value = children.result({ attempt, round: past }, 'finish');
    return value !== undefined && parseFinishValue(value).kind === 'refused';
  });
  return { refusals: refused.filter(Boolean).length, refusedBefore: refused[round - 1] ?? false };
}

function transcoding({ data, run, children, events, nowMs }: Observed): Facts['transcoding'] {
  const { timeoutMs } = data.transcoding ?? {};
  if (timeoutMs === undefined) return undefined;
  const started = children.startedTranscodings(run.attempt);
  const own = started.find(({ attempt }) => attempt === run.attempt);
  return { ...defined({ started: own, end: transcodeEnd(events, started) }), timeoutMs, nowMs };
}
