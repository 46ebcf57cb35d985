import { html } from 'hono/html';
import { countPartStates, PART_STATES, type PartState } from '../../status/part-states.ts';
import { formatCount, type Html } from './elements.ts';

/** Adjacent parts, shown as one piece of the strip. */
export interface Cell {
  readonly state: PartState;
  /** Indices, inclusive. */
  readonly first: number;
  readonly last: number;
}

/** With more parts, one cell stands for several, so that a page with 10,000 parts stays small. */
const MAX_CELLS = 240;
/** Up to this many parts, each has its own cell, separated by gaps. */
const MAX_SEPARATE_CELLS = 60;

/** States that are shown even if only one part of a cell has them. */
const URGENT: readonly PartState[] = ['failed', 'retrying', 'sending'];

/** The cells of the strip: single parts, runs of equal parts, or several parts with their most urgent or most frequent state. */
export function cellsOf(states: readonly PartState[], most = MAX_CELLS): Cell[] {
  const count = Math.min(states.length, most);
  const cells: Cell[] = [];
  for (let index = 0; index < count; index++) {
    const first = Math.floor((index * states.length) / count);
    const last = Math.floor(((index + 1) * states.length) / count) - 1;
    const state = stateOfMany(states.slice(first, last + 1));
    const before = cells.at(-1);
    if (states.length > MAX_SEPARATE_CELLS && before?.state === state)
      cells[cells.length - 1] = { ...before, last };
    else cells.push({ state, first, last });
  }
  return cells;
}

function stateOfMany(states: readonly PartState[]): PartState {
  const [only, ...others] = states;
  if (only !== undefined && others.length === 0) return only;
  const counts = countPartStates(states);
  const urgent = URGENT.find((state) => counts[state] > 0);
  return urgent ?? PART_STATES.reduce((usual, state) => (counts[state] > counts[usual] ? state : usual));
}

/** @param ended whether the upload has ended: waiting parts will not be sent */
function labelOf(state: PartState, ended: boolean): string {
  switch (state) {
    case 'skipped':
      return 'already in VOD';
    case 'sending':
      return 'being sent';
    case 'retrying':
      return 'to be retried';
    case 'waiting':
      return ended ? 'not sent' : 'waiting';
    default:
      return state;
  }
}

/** `5 already in VOD, 7 sent, 3 being sent, 25 waiting` */
export function describeParts(states: readonly PartState[], ended: boolean): string {
  const counts = countPartStates(states);
  return PART_STATES.filter((state) => counts[state] > 0)
    .map((state) => `${formatCount(counts[state])} ${labelOf(state, ended)}`)
    .join(', ');
}

/** Height of a state in the strip, of 10: distinguishes states without colours. */
const HEIGHTS: Readonly<Record<PartState, number>> = {
  skipped: 8,
  sent: 10,
  sending: 6,
  waiting: 2,
  retrying: 4,
  failed: 10,
};

/** The parts of a file in order, and how many are in each state. */
export function renderParts(states: readonly PartState[], ended: boolean): Html {
  const counts = countPartStates(states);
  const gap = states.length > MAX_SEPARATE_CELLS ? 0 : 0.08;
  const cells = cellsOf(states).map(({ state, first, last }) => {
    const parts =
      first === last
        ? `part ${formatCount(first + 1)}`
        : `parts ${formatCount(first + 1)} to ${formatCount(last + 1)}`;
    return html`<rect class="part-${state}" x="${first}" y="${10 - HEIGHTS[state]}" width="${last - first + 1 - gap}" height="${HEIGHTS[state]}"><title>${parts}: ${labelOf(state, ended)}</title></rect>`;
  });
  const legend = PART_STATES.filter((state) => counts[state] > 0).map(
    (state) =>
      html`<li><svg class="swatch" viewBox="0 0 10 10" aria-hidden="true"><rect class="part-${state}" y="${10 - HEIGHTS[state]}" width="10" height="${HEIGHTS[state]}"/></svg> ${formatCount(counts[state])} ${labelOf(state, ended)}</li>`,
  );
  return html`<svg class="strip" viewBox="0 0 ${states.length} 10" preserveAspectRatio="none" role="img" aria-label="The ${formatCount(states.length)} parts of the file in order: ${describeParts(states, ended)}">${cells}</svg>
<ul class="legend">${legend}</ul>`;
}
