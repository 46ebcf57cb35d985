import type { Api } from './counted-actions.ts';
import {
  type Fault,
  type FaultEffect,
  faultSchema,
  hasEffect,
  isDelay,
  isEventType,
  type Outcome,
} from './fault-schema.ts';

/** The faults that apply to one request or event. */
export interface AppliedFaults {
  readonly latencyMs: number;
  /** Names of the gates to wait at. */
  readonly gates: readonly string[];
  /** Infinity: no limit. */
  readonly bytesPerSecond: number;
  readonly outcome: Outcome | undefined;
}

/** The properties of a request or event that faults are matched against, as text from its query. */
export interface FaultTarget {
  /** Undefined for an event. */
  readonly api?: Api;
  readonly action: string;
  readonly offset?: string | undefined;
  readonly partNumber?: string | undefined;
  readonly fileSha?: string | undefined;
}

interface ArmedFault {
  readonly fault: Fault;
  readonly random: () => number;
  /** Matching requests still to skip. */
  toSkip: number;
  remaining: number;
}

const NO_FAULTS: AppliedFaults = {
  latencyMs: 0,
  gates: [],
  bytesPerSecond: Number.POSITIVE_INFINITY,
  outcome: undefined,
};

export class Faults {
  #armed: ArmedFault[] = [];
  #used: Partial<Record<FaultEffect['kind'], number>> = {};

  /** @throws {z.ZodError} when the fault is malformed. */
  inject(fault: Fault): void {
    const parsed = faultSchema.parse(fault);
    const remaining = parsed.count ?? (parsed.share === undefined ? 1 : Number.POSITIVE_INFINITY);
    const { seed = 1, after: toSkip = 0 } = parsed;
    this.#armed.push({ fault: parsed, random: randomFrom(seed), toSkip, remaining });
  }

  clear(): void {
    this.#armed = [];
  }

  /** Applies all matching delays and the first other matching effect, and counts them as used. */
  take(target: FaultTarget): AppliedFaults {
    if (this.#armed.length === 0) return NO_FAULTS;
    let { latencyMs, bytesPerSecond, outcome } = NO_FAULTS;
    const gates: string[] = [];
    for (const armed of this.#armed) {
      const { effect } = armed.fault;
      if ((!isDelay(effect) && outcome !== undefined) || !hits(armed, target)) continue;
      armed.remaining -= 1;
      this.#used[effect.kind] = (this.#used[effect.kind] ?? 0) + 1;
      if (!isDelay(effect)) outcome = effect;
      else if (effect.kind === 'latency') latencyMs += effect.ms;
      else if (effect.kind === 'gate') gates.push(effect.name);
      else bytesPerSecond = Math.min(bytesPerSecond, effect.bytesPerSecond);
    }
    this.#armed = this.#armed.filter(({ remaining }) => remaining > 0);
    return { latencyMs, gates, bytesPerSecond, outcome };
  }

  /** Number of requests hit, by kind. */
  get used(): Readonly<Partial<Record<FaultEffect['kind'], number>>> {
    return { ...this.#used };
  }

  resetCounts(): void {
    this.#used = {};
  }
}

function hits(armed: ArmedFault, target: FaultTarget): boolean {
  const { fault, random } = armed;
  if (fault.action === undefined ? isEventType(target.action) : fault.action !== target.action) return false;
  if (target.api !== undefined && !hasEffect(target.api, fault.effect)) return false;
  if (fault.api !== undefined && fault.api !== target.api) return false;
  if (fault.partNumber !== undefined && String(fault.partNumber) !== target.partNumber) return false;
  if (fault.offset !== undefined && String(fault.offset) !== target.offset) return false;
  if (fault.fileSha !== undefined && fault.fileSha !== target.fileSha) return false;
  if (armed.toSkip > 0) {
    armed.toSkip -= 1;
    return false;
  }
  return fault.share === undefined || random() < fault.share;
}

/** Mulberry32: numbers from 0 to 1, the same sequence for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
