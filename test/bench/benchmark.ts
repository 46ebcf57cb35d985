/** How much a benchmark does. */
export interface Settings {
  /** All of it, as documented; else a smaller version of the same in about a minute. */
  readonly full: boolean;
  /** What a worker runs, seen from the checkout. */
  readonly program: string;
  /** Of each thing that is compared, taken in turns. */
  readonly samples: number;
  /** Told of each step, for people who wait. */
  readonly onStep: (text: string) => void;
}

/** One line of a benchmark's table. */
export interface Row {
  readonly subject: string;
  readonly result: string;
  /** Absent where the result is only told. */
  readonly goal?: string;
  readonly met?: boolean;
  /** What was measured, sample by sample, by name with its unit. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
}

/** What is measured of the worker, and against what. */
export interface Benchmark {
  readonly name: string;
  readonly title: string;
  run(settings: Settings): Promise<readonly Row[]>;
}

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(half) - 1], sorted[Math.floor(half)]];
  if (low === undefined || high === undefined) throw new Error('no samples');
  return (low + high) / 2;
}

/** The median of the ratios of what was measured side by side, which a slow minute hits alike. */
export function medianRatio(above: readonly number[], below: readonly number[]): number {
  return median(above.map((value, index) => value / (below[index] ?? Number.NaN)));
}

/** A row whose result must be at least, or at most, the goal. */
export function judged(
  subject: string,
  value: number,
  goal: { readonly atLeast: number } | { readonly atMost: number },
  more: { readonly unit?: string; readonly digits?: number; readonly samples: Row['samples'] },
): Row {
  const { unit = '', digits = 2, samples } = more;
  const met = 'atLeast' in goal ? value >= goal.atLeast : value <= goal.atMost;
  const words = 'atLeast' in goal ? `at least ${goal.atLeast}${unit}` : `at most ${goal.atMost}${unit}`;
  return { subject, result: `${value.toFixed(digits)}${unit}`, goal: words, met, samples };
}
