import { parseFailure } from '../queue/failure.ts';
import { parseFinishValue } from '../queue/jobs/finish.ts';
import { parseInitValue } from '../queue/jobs/init.ts';
import { parsePartValue } from '../queue/jobs/part.ts';
import { parseTranscodeValue, type TranscodeValue } from '../queue/jobs/transcode.ts';
import { type ChildStep, childId, partIndexReader, type Run, runName } from '../queue/names.ts';

type EndedPart = { readonly index: number } & ReturnType<typeof parsePartValue>;

/** The finished children of an upload, of all its runs. */
export class Children {
  readonly #uploadId: string;
  /** Results of completed children, by child id. */
  readonly #results: ReadonlyMap<string, unknown>;
  /** The completed parts that were asked for, by the name of their run: there may be thousands. */
  readonly #partsOfRuns = new Map<string, readonly EndedPart[]>();
  /** Failure reasons of failed children, by child id. */
  readonly #failures: ReadonlyMap<string, string>;

  /** @param results and `failures`: by job key, as BullMQ returns them */
  constructor(
    uploadId: string,
    results: Readonly<Record<string, unknown>>,
    failures: Readonly<Record<string, string>>,
  ) {
    this.#uploadId = uploadId;
    this.#results = byChildId(results);
    this.#failures = byChildId(failures);
  }

  get completedCount(): number {
    return this.#results.size;
  }

  get failedCount(): number {
    return this.#failures.size;
  }

  /** @returns undefined if the child has not completed */
  result(run: Run, step: ChildStep): unknown {
    return this.#results.get(childId(this.#uploadId, run, step));
  }

  /** Why a child of this run failed: the first reason that is not a cancellation, else the first. */
  failure(run: Run): string | undefined {
    const prefix = `${this.#uploadId}-${runName(run)}-`;
    // Children that run once per attempt have the id of its first round.
    const oncePerAttempt = (['hash', 'transcode'] as const).map((step) => childId(this.#uploadId, run, step));
    const reasons = [...this.#failures]
      .filter(([id]) => id.startsWith(prefix) || oncePerAttempt.includes(id))
      .map(([, reason]) => reason);
    // When one part fails, the others stop as cancelled. The reason of the first is the real one.
    return reasons.find((reason) => parseFailure(reason).code !== 'CANCELLED') ?? reasons[0];
  }

  /** Indices of the parts of a run that were sent, without those that the result of its init job records. */
  sentParts(run: Run): number[] {
    return this.#parts(run).flatMap(({ index, outcome }) => (outcome === 'sent' ? index : []));
  }

  /** Indices of the parts of a run that VOD has, sent or found there with the same MD5, without recorded ones. */
  doneParts(run: Run): number[] {
    return this.#parts(run).flatMap(({ index, outcome }) => (isDone(outcome) ? index : []));
  }

  /** The checksums of these parts, if parts have checksums. */
  checksums(run: Run): string[] {
    return this.#parts(run).flatMap(({ outcome, checksum = [] }) => (isDone(outcome) ? checksum : []));
  }

  /** The code by which a part of a run was not sent because the session is over; undefined if there is none. */
  expiry(run: Run): string | undefined {
    return this.#parts(run).find(({ outcome }) => outcome === 'expired')?.code;
  }

  /** The last session of the upload before this run; undefined if there is none, or it is over. */
  sessionBefore({ attempt, round }: Run): string | undefined {
    for (let past = attempt; past >= 1; past--) {
      const last = this.#lastSession(past, past === attempt ? round : Number.POSITIVE_INFINITY);
      if (last !== undefined) return this.hasExpired(last.run) ? undefined : last.session;
    }
    return undefined;
  }

  /** The last session of an attempt before the round `endRound`. */
  #lastSession(
    attempt: number,
    endRound: number,
  ): { readonly run: Run; readonly session: string } | undefined {
    let last: { readonly run: Run; readonly session: string } | undefined;
    for (let round = 0; round < endRound; round++) {
      const run = { attempt, round };
      const value = this.result(run, 'init');
      if (value === undefined) break;
      const init = parseInitValue(value);
      if (init.kind === 'send' && init.session !== undefined) last = { run, session: init.session };
    }
    return last;
  }

  /** Whether the session of a run is over: a part was not sent for that, or the finish found it. */
  hasExpired(run: Run): boolean {
    const finish = this.result(run, 'finish');
    if (finish !== undefined && parseFinishValue(finish).kind === 'expired') return true;
    return this.expiry(run) !== undefined;
  }

  #parts(run: Run): readonly EndedPart[] {
    const name = runName(run);
    const known = this.#partsOfRuns.get(name);
    if (known !== undefined) return known;
    const indexOf = partIndexReader(this.#uploadId, run);
    const parts = [...this.#results].flatMap(([id, value]) => {
      const index = indexOf(id);
      return index === undefined ? [] : { index, ...parsePartValue(value) };
    });
    this.#partsOfRuns.set(name, parts);
    return parts;
  }

  /** The transcodings that VOD started in the attempts up to this one, oldest first. */
  startedTranscodings(upTo: number): (TranscodeValue & { readonly attempt: number })[] {
    const started = [];
    for (let attempt = 1; attempt <= upTo; attempt++) {
      const value = this.result({ attempt, round: 0 }, 'transcode');
      if (value !== undefined) started.push({ ...parseTranscodeValue(value), attempt });
    }
    return started;
  }
}

function isDone(outcome: ReturnType<typeof parsePartValue>['outcome']): boolean {
  return outcome === 'sent' || outcome === 'same';
}

function byChildId<T>(byKey: Readonly<Record<string, T>>): Map<string, T> {
  return new Map(Object.entries(byKey).map(([key, value]) => [key.slice(key.lastIndexOf(':') + 1), value]));
}
