/** The faults that can be injected: effects, and which requests or events they hit. */
import { z } from 'zod';
import { APIS, type Api, COUNTED_ACTIONS } from './counted-actions.ts';

const when = z.enum(['before', 'after']);

/** Headers of the reply, such as `Retry-After`, `Location` or `Date`; they override the emulator's own. */
const headers = z.record(z.string().regex(/^[A-Za-z0-9-]+$/), z.string().regex(/^[\x20-\x7e]*$/)).optional();

const effectSchema = z.discriminatedUnion('kind', [
  /** A v2 reply with this code, without the effect. */
  z.strictObject({
    kind: z.literal('code'),
    code: z.int(),
    canRetry: z.union([z.literal(0), z.literal(1)]),
    message: z.string().optional(),
    headers,
  }),
  /**
   * A refusal of API 3.0 or COS with this code; with `when: 'after'` the request has its effect. `status` is for COS, and
   * by default that of the code; status 200 is sent at once with spaces before the error, as Complete does.
   */
  z.strictObject({
    kind: z.literal('error'),
    code: z.string().regex(/^[A-Za-z0-9.]+$/),
    status: z.int().min(200).max(599).optional(),
    message: z.string().optional(),
    when: when.optional(),
    headers,
  }),
  /** An HTTP redirect or error status with an HTML body. */
  z.strictObject({
    kind: z.literal('http'),
    status: z.int().min(300).max(599),
    when: when.optional(),
    headers,
  }),
  /** HTTP 200 with HTML instead of JSON. */
  z.strictObject({ kind: z.literal('html'), when: when.optional() }),
  /** HTTP 200 with an empty body. */
  z.strictObject({ kind: z.literal('empty'), when: when.optional() }),
  /** Only the first half of the reply's JSON. */
  z.strictObject({ kind: z.literal('truncated') }),
  /** The connection is reset. */
  z.strictObject({ kind: z.literal('reset'), when }),
  /** No reply; the connection stays open. */
  z.strictObject({ kind: z.literal('hang'), when }),
  /** A delay between the request's last byte and its effect. */
  z.strictObject({ kind: z.literal('latency'), ms: z.number().min(0) }),
  /** The request waits before its effect until this gate is opened. No effect if the client disconnects first. */
  z.strictObject({ kind: z.literal('gate'), name: z.string().min(1) }),
  /** Limits the speed of reading the body. */
  z.strictObject({ kind: z.literal('bandwidth'), bytesPerSecond: z.number().positive() }),
  /** UploadPart and PutObject store their bytes with the first one changed; lists have the MD5 of the stored bytes. */
  z.strictObject({ kind: z.literal('damage') }),
  /** `fileId` as a JSON number. */
  z.strictObject({ kind: z.literal('unquotedFileId') }),
  /** A reply without `url`. */
  z.strictObject({ kind: z.literal('noUrl') }),
  /** As in the document's examples: `dataSha` in the last listed part; no `dataSize`, `codeDesc`, `canRetry`. */
  z.strictObject({ kind: z.literal('quirks') }),
  /** InitUpload lists a wrong MD5 for all parts, or for the part at this offset. */
  z.strictObject({ kind: z.literal('wrongMd5'), offset: z.int().min(0).optional() }),
  /** The event is never delivered. */
  z.strictObject({ kind: z.literal('lost') }),
]);

/** All fault kinds, for the test of the help text. */
export const FAULT_KINDS: readonly string[] = effectSchema.options.map(({ shape }) => shape.kind.value);

/** Events that the emulator emits on its own. */
export const EVENT_TYPES = ['NewFileUpload', 'TranscodeComplete', 'ProcedureStateChanged'] as const;
export type EmittedType = (typeof EVENT_TYPES)[number];

export function isEventType(name: string): name is EmittedType {
  return (EVENT_TYPES as readonly string[]).includes(name);
}

/** Effects on events: lost, delayed, or (`code`) the event reports that the transcoding failed with this code. */
const EVENT_EFFECTS: Readonly<Record<EmittedType, readonly string[]>> = {
  NewFileUpload: ['lost', 'latency'],
  TranscodeComplete: ['lost', 'latency', 'code'],
  ProcedureStateChanged: ['lost', 'latency', 'code'],
};

/** `count` defaults to 1, or to no limit with `share`. `when` defaults to `before`: the request has no effect. */
const shapeSchema = z.strictObject({
  /** An action, `strayPart`, or an event type. Default: all requests and no events. */
  action: z.enum([...COUNTED_ACTIONS, ...EVENT_TYPES]).optional(),
  /** Only requests to this API. */
  api: z.enum(APIS).optional(),
  effect: effectSchema,
  /** How many matching requests to skip first. */
  after: z.int().min(0).optional(),
  /** How many requests to hit. */
  count: z.int().min(1).optional(),
  /** Share of the matching requests to hit, by a random generator with `seed`. */
  share: z.number().min(0).max(1).optional(),
  seed: z.int().optional(),
  /** Only the part of v2 at this offset. */
  offset: z.int().min(0).optional(),
  /** Only the part of COS with this number. */
  partNumber: z.int().min(1).optional(),
  fileSha: z.string().optional(),
});

export const faultSchema = shapeSchema.refine(
  ({ action = '', effect }) =>
    isEventType(action) ? EVENT_EFFECTS[action].includes(effect.kind) : effect.kind !== 'lost',
  { path: ['effect', 'kind'], error: 'is not possible for this action or event' },
);

/** Effects that only some APIs have. Faults with them skip requests to other APIs. */
const APIS_OF_EFFECT: Readonly<Partial<Record<FaultEffect['kind'], readonly Api[]>>> = {
  code: ['v2'],
  error: ['api3', 'cos'],
  unquotedFileId: ['v2'],
  noUrl: ['v2'],
  quirks: ['v2'],
  wrongMd5: ['v2'],
};

export function hasEffect(api: Api, { kind }: FaultEffect): boolean {
  return APIS_OF_EFFECT[kind]?.includes(api) ?? true;
}

export type Fault = z.infer<typeof faultSchema>;
export type FaultEffect = Fault['effect'];
type EffectOf<K extends FaultEffect['kind']> = Extract<FaultEffect, { kind: K }>;
/** Effects that only delay a request. Several can apply to one request. */
export type Delay = EffectOf<'latency' | 'gate' | 'bandwidth'>;
/** Effects that change how a request ends. At most one applies to a request. */
export type Outcome = Exclude<FaultEffect, Delay>;

export function isDelay(effect: FaultEffect): effect is Delay {
  return effect.kind === 'latency' || effect.kind === 'gate' || effect.kind === 'bandwidth';
}
