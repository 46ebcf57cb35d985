import type { IndexRange } from '../upload/ranges.ts';

/**
 * The state of a part in the upload's current run:
 * - skipped: VOD already had it.
 * - sent: VOD has accepted it.
 * - sending: a worker is sending it.
 * - waiting: it is queued; after the upload's end: it was not sent.
 * - retrying: an attempt failed, and the next one is delayed.
 * - failed: VOD rejected it with an unrecoverable error, or all attempts failed.
 */
export type PartState = 'skipped' | 'sent' | 'sending' | 'waiting' | 'retrying' | 'failed';

export const PART_STATES: readonly PartState[] = [
  'skipped',
  'sent',
  'sending',
  'waiting',
  'retrying',
  'failed',
];

/** Indices of parts, from the queues and the upload's job. */
export interface PartIndices {
  readonly count: number;
  readonly missing: readonly IndexRange[];
  /** Parts that were sent, as the result of the init job records them. */
  readonly recorded: readonly IndexRange[];
  readonly sent: readonly number[];
  readonly sending: readonly number[];
  readonly retrying: readonly number[];
  readonly failed: readonly number[];
}

/** The state of each part. The upload's job takes precedence over the queues, which may be outdated. */
export function partStates(indices: PartIndices): PartState[] {
  const states: PartState[] = Array(indices.count).fill('skipped');
  const mark = (marked: readonly number[], state: PartState): void => {
    for (const index of marked) if (index < indices.count) states[index] = state;
  };
  for (const [first, last] of indices.missing) states.fill('waiting', first, last + 1);
  mark(indices.retrying, 'retrying');
  mark(indices.sending, 'sending');
  mark(indices.failed, 'failed');
  mark(indices.sent, 'sent');
  for (const [first, last] of indices.recorded) states.fill('sent', first, last + 1);
  return states;
}

export function countPartStates(states: readonly PartState[]): Record<PartState, number> {
  const counts = Object.fromEntries(PART_STATES.map((state) => [state, 0])) as Record<PartState, number>;
  for (const state of states) counts[state]++;
  return counts;
}
