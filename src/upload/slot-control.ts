/**
 * slots: the number of parts that a process sends at a time.
 * round: as many parts as there are slots.
 * window: a period of some rounds in which the slots were busy and their number did not change.
 * brief window: the first one after a change, of a single round.
 * trial: a window with a different number of slots, compared with the best known number.
 */

/** Smallest and largest number of slots; equal: the number is fixed. */
export interface SlotBounds {
  readonly min: number;
  readonly max: number;
}

/**
 * The end of a window: its throughput, in any unit that stays the same; or `overloaded`, when requests timed out or the
 * account's quota was used up.
 */
export type Window = { readonly rate: number; readonly brief: boolean } | 'overloaded';

/** What is known after a number of windows. */
export interface SlotState {
  readonly bounds: SlotBounds;
  /** The number of slots to use now. */
  readonly slots: number;
  /** The best number of slots so far, and its throughput once that is measured. */
  readonly best: { readonly slots: number; readonly rate: number | undefined };
  /** Whether the next trial has more slots or fewer. */
  readonly growing: boolean;
  /** Factor between the number of slots and that of the next trial. */
  readonly factor: number;
  /** Windows to wait before the next trial. */
  readonly pauseLeft: number;
  /** Windows to wait after the next trial if it fails. */
  readonly pause: number;
}

/** The number of slots at the start, if the bounds allow it. */
const INITIAL_SLOTS = 8;
/** Factor of the first trials, and of those after a failed one. */
const FIRST_FACTOR = 2;
const LATER_FACTOR = 1.25;
/** More slots must bring at least this share of a throughput that grows in proportion to the slots. */
const MIN_GAIN = 0.1;
/** Fewer slots must keep at least this share of the throughput. */
const MIN_KEPT = 0.98;
/** A brief window decides a trial if the throughput follows the slots by at least this share. */
const CLEAR_SHARE = 0.5;
/** Share of the slots that is left after an overload. */
const OVERLOAD_FACTOR = 0.7;
/** A throughput that changes by this factor without a trial means a different network: the search starts again. */
const NETWORK_CHANGE = 1.3;
/** Windows between trials; doubled after each failed trial. */
const MIN_PAUSE = 2;
const MAX_PAUSE = 16;

/** A search that knows nothing yet. */
const NEW_SEARCH = { growing: true, factor: FIRST_FACTOR, pauseLeft: 0, pause: MIN_PAUSE } as const;

export function initialSlots(bounds: SlotBounds): SlotState {
  const slots = clamp(INITIAL_SLOTS, bounds);
  return { bounds, slots, best: { slots, rate: undefined }, ...NEW_SEARCH };
}

/** With other bounds: the slots change only as far as the bounds require, and the search starts again from there. */
export function withBounds(state: SlotState, bounds: SlotBounds): SlotState {
  const slots = clamp(state.slots, bounds);
  return { ...NEW_SEARCH, bounds, slots, best: { slots, rate: undefined } };
}

/**
 * Searches for the number of slots beyond which throughput no longer grows. Doubles at first, then tries small steps up
 * and down in turns; the longer nothing changes, the longer it waits between trials.
 *
 * A brief window starts the first trial, and ends a trial whose result is clear, so that the search takes few round
 * trips where each is long. In all other cases it changes nothing: the window after it decides. New connections make it
 * slower than later windows, and a queue in the network that still fills makes it faster.
 */
export function nextSlots(state: SlotState, window: Window): SlotState {
  if (window === 'overloaded') return shrink(state);
  const { slots, best, pauseLeft } = state;
  const { rate, brief } = window;
  if (best.rate !== undefined && slots !== best.slots) {
    const verdict = judge(slots / best.slots, rate / best.rate, brief);
    if (verdict === 'unclear') return state;
    if (verdict === 'worse') return endFailedTrial(state);
    return startTrial({ ...state, best: { slots, rate }, pause: MIN_PAUSE });
  }
  // If all parts fail, nothing is known about the number of slots.
  if (rate === 0 || (brief && (best.rate !== undefined || pauseLeft > 0))) return state;
  const measured = { ...state, ...(isOtherNetwork(best.rate, rate) && NEW_SEARCH), best: { slots, rate } };
  if (measured.pauseLeft === 0) return startTrial(measured);
  return { ...measured, pauseLeft: measured.pauseLeft - 1 };
}

/** The result of a trial with `factor` times the slots, in which the throughput was `rateFactor` times the best. */
function judge(factor: number, rateFactor: number, brief: boolean): 'better' | 'worse' | 'unclear' {
  const hasMore = factor > 1;
  if (brief) {
    const isClear = hasMore === rateFactor >= 1 + CLEAR_SHARE * (factor - 1);
    if (!isClear) return 'unclear';
    return hasMore ? 'better' : 'worse';
  }
  return rateFactor < (hasMore ? 1 + MIN_GAIN * (factor - 1) : MIN_KEPT) ? 'worse' : 'better';
}

function shrink(state: SlotState): SlotState {
  const { bounds, best } = state;
  const slots = clamp(Math.floor(Math.min(state.slots, best.slots) * OVERLOAD_FACTOR), bounds);
  return {
    bounds,
    slots,
    best: { slots, rate: undefined },
    growing: true,
    factor: LATER_FACTOR,
    pauseLeft: MIN_PAUSE,
    pause: MIN_PAUSE,
  };
}

function endFailedTrial(state: SlotState): SlotState {
  const { best, growing, factor, pause } = state;
  return {
    ...state,
    slots: best.slots,
    // After doubling, the numbers in between are tried first.
    growing: factor === LATER_FACTOR ? !growing : growing,
    factor: LATER_FACTOR,
    pauseLeft: pause,
    pause: Math.min(2 * pause, MAX_PAUSE),
  };
}

function startTrial(state: SlotState): SlotState {
  const { bounds, slots, best, pause } = state;
  const growing = slots < bounds.max && (slots <= bounds.min || state.growing);
  const factor = growing ? state.factor : LATER_FACTOR;
  // At the maximum only a trial with fewer slots is left: wait before it.
  if (!growing && best.slots >= bounds.max && pause === MIN_PAUSE) {
    return { ...state, growing, factor, pauseLeft: pause, pause: 2 * pause };
  }
  const next = growing ? Math.ceil(slots * factor) : Math.floor(slots / factor);
  return { ...state, growing, factor, slots: clamp(next, bounds) };
}

function isOtherNetwork(before: number | undefined, rate: number): boolean {
  return before !== undefined && (rate > before * NETWORK_CHANGE || rate * NETWORK_CHANGE < before);
}

function clamp(slots: number, { min, max }: SlotBounds): number {
  return Math.min(Math.max(slots, min), max);
}
