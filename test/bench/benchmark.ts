/** Size of a benchmark. */
export interface Settings {
  /** The documented size; otherwise a smaller version that takes about a minute. */
  readonly full: boolean;
  /** Program of a worker, relative to the repository. */
  readonly program: string;
  /** Samples of each measurement, taken alternately. */
  readonly samples: number;
  /** Called with each step, to show progress. */
  readonly onStep: (text: string) => void;
}

/** One line of a benchmark's table. */
export interface Row {
  readonly subject: string;
  readonly result: string;
  /** Absent for results without a goal. */
  readonly goal?: string;
  readonly met?: boolean;
  /** Samples by name with unit. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
}

export interface Benchmark {
  readonly name: string;
  readonly title: string;
  run(settings: Settings): Promise<readonly Row[]>;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(half) - 1], sorted[Math.floor(half)]];
  if (low === undefined || high === undefined) throw new Error('no samples');
  return (low + high) / 2;
}

/** Median of the ratios of samples taken at the same time, so that a slow moment affects both. */
export function medianRatio(above: readonly number[], below: readonly number[]): number {
  return median(above.map((value, index) => value / (below[index] ?? Number.NaN)));
}

/** A row with a goal. */
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
