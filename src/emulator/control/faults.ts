/** Faults on demand: what can go wrong, for which requests or events, how often. */
import { z } from 'zod';
import { COUNTED_ACTIONS } from './counted-actions.ts';

const when = z.enum(['before', 'after']);

/** Of the reply, in place of the emulator's own or beside them: `Retry-After`, `Location`, `Date`. */
const headers = z.record(z.string().regex(/^[A-Za-z0-9-]+$/), z.string().regex(/^[\x20-\x7e]*$/)).optional();

const effectSchema = z.discriminatedUnion('kind', [
  /** A reply with this code instead of the effect. */
  z.strictObject({
    kind: z.literal('code'),
    code: z.int(),
    canRetry: z.union([z.literal(0), z.literal(1)]),
    message: z.string().optional(),
    headers,
  }),
  /** An HTTP status, of a redirect or a failure, with an HTML body. */
  z.strictObject({
    kind: z.literal('http'),
    status: z.int().min(300).max(599),
    when: when.optional(),
    headers,
  }),
  /** HTTP 200 with HTML instead of JSON. */
  z.strictObject({ kind: z.literal('html'), when: when.optional() }),
  /** HTTP 200 without a body. */
  z.strictObject({ kind: z.literal('empty'), when: when.optional() }),
  /** The first half of the real reply's JSON. */
  z.strictObject({ kind: z.literal('truncated') }),
  /** The connection is reset. */
  z.strictObject({ kind: z.literal('reset'), when }),
  /** A reply that never comes. */
  z.strictObject({ kind: z.literal('hang'), when }),
  /** A pause between the request's last byte and its effect. */
  z.strictObject({ kind: z.literal('latency'), ms: z.number().min(0) }),
  /** The request waits before its effect, until the gate of this name is opened; without effect when its sender goes away. */
  z.strictObject({ kind: z.literal('gate'), name: z.string().min(1) }),
  /** The body is read no faster than this. */
  z.strictObject({ kind: z.literal('bandwidth'), bytesPerSecond: z.number().positive() }),
  /** The part is kept with its first byte changed, and listed as what is kept then. */
  z.strictObject({ kind: z.literal('damage') }),
  /** `fileId` as a JSON number. */
  z.strictObject({ kind: z.literal('unquotedFileId') }),
  /** A reply without `url`. */
  z.strictObject({ kind: z.literal('noUrl') }),
  /** As in the document's examples: `dataSha` in the last listed part, no `dataSize`, `codeDesc`, `canRetry`. */
  z.strictObject({ kind: z.literal('quirks') }),
  /** Of InitUpload: the MD5 of listed parts is that of other bytes; default of all, or of the one at this offset. */
  z.strictObject({ kind: z.literal('wrongMd5'), offset: z.int().min(0).optional() }),
  /** Of an event: it never comes. */
  z.strictObject({ kind: z.literal('lost') }),
]);

/** For whoever describes them. */
export const FAULT_KINDS: readonly string[] = effectSchema.options.map(({ shape }) => shape.kind.value);

/** Events that the emulator emits by itself. */
export const EVENT_TYPES = ['NewFileUpload', 'TranscodeComplete'] as const;
export type EmittedType = (typeof EVENT_TYPES)[number];
const isEventType = (name: string): name is EmittedType => (EVENT_TYPES as readonly string[]).includes(name);

/** What an event can meet: it is lost, it comes later, or it tells that the transcoding failed with this code. */
const EVENT_EFFECTS: Readonly<Record<EmittedType, readonly string[]>> = {
  NewFileUpload: ['lost', 'latency'],
  TranscodeComplete: ['lost', 'latency', 'code'],
};

/** `count` defaults to 1, without limit when `share` is given. `when` defaults to `before`: no effect took place. */
const shapeSchema = z.strictObject({
  /** A request's, `strayPart`, or the type of an event; without it any request is hit, and no event. */
  action: z.enum([...COUNTED_ACTIONS, ...EVENT_TYPES]).optional(),
  effect: effectSchema,
  /** Matching requests that pass before it hits the first one. */
  after: z.int().min(0).optional(),
  /** Matching requests until the fault is used up. */
  count: z.int().min(1).optional(),
  /** Part of the matching requests that it hits, by a generator started from `seed`. */
  share: z.number().min(0).max(1).optional(),
  seed: z.int().optional(),
  /** Only the part at this offset. */
  offset: z.int().min(0).optional(),
  fileSha: z.string().optional(),
});

const faultSchema = shapeSchema.refine(
  ({ action = '', effect }) =>
    isEventType(action) ? EVENT_EFFECTS[action].includes(effect.kind) : effect.kind !== 'lost',
  { path: ['effect', 'kind'], error: 'is not one that this action or event can meet' },
);

export type Fault = z.infer<typeof faultSchema>;
export type FaultEffect = Fault['effect'];
type EffectOf<K extends FaultEffect['kind']> = Extract<FaultEffect, { kind: K }>;
/** How a request is held up; it can meet any number of these. */
type Delay = EffectOf<'latency' | 'gate' | 'bandwidth'>;
/** An effect that ends a request its own way; a request gets one at most. */
export type Outcome = Exclude<FaultEffect, Delay>;

/** What was picked for one request. */
export interface TakenFaults {
  readonly latencyMs: number;
  /** Names of the gates that it has to pass. */
  readonly gates: readonly string[];
  /** Infinity without a limit. */
  readonly bytesPerSecond: number;
  readonly outcome: Outcome | undefined;
}

/** The traits of a request or an event that a fault can ask for, as text from its query. */
export interface FaultTarget {
  readonly action: string;
  readonly offset: string | undefined;
  readonly fileSha: string | undefined;
}

interface ArmedFault {
  readonly fault: Fault;
  readonly random: () => number;
  /** Matching requests that are yet to pass. */
  passing: number;
  remaining: number;
}

const none: TakenFaults = {
  latencyMs: 0,
  gates: [],
  bytesPerSecond: Number.POSITIVE_INFINITY,
  outcome: undefined,
};

export class Faults {
  #armed: ArmedFault[] = [];
  #used: Partial<Record<FaultEffect['kind'], number>> = {};

  /** @throws {z.ZodError} when the fault breaks the schema. */
  inject(fault: Fault): void {
    const parsed = faultSchema.parse(fault);
    const remaining = parsed.count ?? (parsed.share === undefined ? 1 : Number.POSITIVE_INFINITY);
    const { seed = 1, after: passing = 0 } = parsed;
    this.#armed.push({ fault: parsed, random: randomFrom(seed), passing, remaining });
  }

  clear(): void {
    this.#armed = [];
  }

  /** Uses up what hits this request: every delay, and the first of all others. */
  take(target: FaultTarget): TakenFaults {
    if (this.#armed.length === 0) return none;
    let { latencyMs, bytesPerSecond, outcome } = none;
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

  /** Requests hit, by kind. */
  get used(): Readonly<Partial<Record<FaultEffect['kind'], number>>> {
    return { ...this.#used };
  }

  resetCounts(): void {
    this.#used = {};
  }
}

function isDelay(effect: FaultEffect): effect is Delay {
  return effect.kind === 'latency' || effect.kind === 'gate' || effect.kind === 'bandwidth';
}

function hits(armed: ArmedFault, target: FaultTarget): boolean {
  const { fault, random } = armed;
  if (fault.action === undefined ? isEventType(target.action) : fault.action !== target.action) return false;
  if (fault.offset !== undefined && String(fault.offset) !== target.offset) return false;
  if (fault.fileSha !== undefined && fault.fileSha !== target.fileSha) return false;
  if (armed.passing > 0) {
    armed.passing -= 1;
    return false;
  }
  return fault.share === undefined || random() < fault.share;
}

/** Mulberry32: 0 to 1, the same sequence for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
