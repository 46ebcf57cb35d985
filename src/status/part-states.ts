import type { IndexRange } from '../upload/plan.ts';

/**
 * What has become of a part of an upload, in its present run:
 * - skipped: VOD had it.
 * - sent: VOD has taken it.
 * - sending: a worker is at it.
 * - waiting: its turn has not come; after the upload's end: it was not sent.
 * - retrying: an attempt failed, and the next one has its time.
 * - failed: it was refused for good, or too often.
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

/** Indices of parts, as the queues and the upload's job tell of them. */
export interface PartFacts {
  readonly count: number;
  readonly missing: readonly IndexRange[];
  readonly sent: readonly number[];
  readonly sending: readonly number[];
  readonly retrying: readonly number[];
  readonly failed: readonly number[];
}

/** The state of each part. What the upload's job says counts more than a queue, which was read a moment earlier. */
export function partStates(facts: PartFacts): PartState[] {
  const states: PartState[] = Array(facts.count).fill('skipped');
  const mark = (indices: readonly number[], state: PartState): void => {
    for (const index of indices) if (index < facts.count) states[index] = state;
  };
  for (const [first, last] of facts.missing) states.fill('waiting', first, last + 1);
  mark(facts.retrying, 'retrying');
  mark(facts.sending, 'sending');
  mark(facts.failed, 'failed');
  mark(facts.sent, 'sent');
  return states;
}

export function countPartStates(states: readonly PartState[]): Record<PartState, number> {
  const counts = Object.fromEntries(PART_STATES.map((state) => [state, 0])) as Record<PartState, number>;
  for (const state of states) counts[state]++;
  return counts;
}
