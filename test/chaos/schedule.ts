import type { EmulatorStats } from '../../src/emulator/control/stats.ts';
import type { Fault } from '../../src/emulator/server.ts';
import type { VodApi } from '../../src/vod/wire/protocol.ts';
import { Random } from './random.ts';

/** Stages of each concurrent worker process; undefined: all but `events`. */
export const WORKER_SLOTS = [
  undefined,
  'upload,hash,init,part,finish,transcode,webhook,events',
  'upload,hash,init,finish,transcode,webhook,events',
  'part',
] as const;

/** Lock duration in a chaos run; freezes last longer. */
export const LOCK_MS = 1500;

/** Timeout of reads in a chaos run. */
export const READ_MS = 1500;

/** One disturbance; `slot` is an index of WORKER_SLOTS. */
export type Trouble =
  | { readonly kind: 'worker killed'; readonly slot: number; readonly downMs: number }
  | { readonly kind: 'worker terminated'; readonly slot: number; readonly downMs: number }
  | { readonly kind: 'worker frozen'; readonly slot: number; readonly forMs: number }
  /** It replaces a slot's worker. */
  | { readonly kind: 'worker with a wrong key'; readonly slot: number; readonly forMs: number }
  /** It can't see any source, and replaces a slot's worker. */
  | { readonly kind: 'worker with other roots'; readonly slot: number; readonly forMs: number }
  /** The disk of all sources, for all workers. */
  | { readonly kind: 'disk hangs'; readonly forMs: number }
  | { readonly kind: 'Redis killed'; readonly forMs: number }
  | { readonly kind: 'Redis frozen'; readonly forMs: number }
  | { readonly kind: 'Redis refuses'; readonly forMs: number }
  | { readonly kind: 'Redis connections cut' }
  | { readonly kind: 'VOD refuses'; readonly forMs: number }
  | { readonly kind: 'VOD connections cut' }
  /** Limits all connections to VOD together. */
  | { readonly kind: 'VOD line slow'; readonly bytesPerSecond: number; readonly forMs: number }
  /** All sessions of API 3.0 so far. */
  | { readonly kind: 'sessions expire' }
  /** `cutAfterMs`: time until connections to VOD are cut, so that a hang ends before the client's timeout. */
  | { readonly kind: 'VOD fault'; readonly fault: Fault; readonly cutAfterMs?: number };

export type ScheduledTrouble = Trouble & { readonly atMs: number };

type Draw = (random: Random) => Trouble;

type Action = keyof EmulatorStats['requests'] & Fault['action'];

const V2_ACTIONS: readonly Action[] = [
  'InitUpload',
  'UploadPart',
  'FinishUpload',
  'ConvertVodFile',
  'PullEvent',
  'ConfirmEvent',
];

/** Of VOD's own host. */
const API3_ACTIONS: readonly Action[] = [
  'ApplyUpload',
  'CommitUpload',
  'ProcessMediaByProcedure',
  'PullEvents',
  'ConfirmEvents',
];
const COS_ACTIONS: readonly Action[] = [
  'InitiateMultipartUpload',
  'UploadPart',
  'ListParts',
  'CompleteMultipartUpload',
  'PutObject',
  'HeadObject',
];
const PRESENT_ACTIONS = [...API3_ACTIONS, ...COS_ACTIONS];

/** A fault of the emulator on a random action. Rare actions are hit only once. */
function vod(effect: (random: Random) => Fault['effect'], actions: readonly Action[]): Draw {
  return (random) => {
    const action = random.pick(actions);
    const count = action === 'UploadPart' ? random.between(1, 6) : 1;
    return { kind: 'VOD fault', fault: { action, effect: effect(random), count } };
  };
}

const slot = (random: Random): number => random.between(0, WORKER_SLOTS.length - 1);
const when = (random: Random): 'before' | 'after' => random.pick(['before', 'after']);
/** To a client, this Date means that its own clock is years ahead. */
const LONG_AGO = { Date: 'Tue, 01 Jan 2019 00:00:00 GMT' };
const RETRYABLE_CODES = [-10001, -10002, -10003, -10004, -10005, -10006, 5100, 6000, 6200];

/** Frequent and short, for every API. */
const QUICK_OF_ALL: readonly Draw[] = [
  ...repeat(4, (random) => ({
    kind: 'worker killed',
    slot: slot(random),
    downMs: random.between(0, 1500),
  })),
  // The control worker, so that it often dies between two steps.
  ...repeat(3, (random) => ({ kind: 'worker killed', slot: 2, downMs: random.between(0, 1000) })),
  ...repeat(3, (random) => ({
    kind: 'worker terminated',
    slot: slot(random),
    downMs: random.between(0, 1000),
  })),
  (random) => ({
    kind: 'worker frozen',
    slot: slot(random),
    forMs: random.between(LOCK_MS * 1.5, LOCK_MS * 2),
  }),
  (random) => ({
    kind: 'worker with a wrong key',
    slot: slot(random),
    forMs: random.between(2000, 4000),
  }),
  (random) => ({
    kind: 'worker with other roots',
    slot: slot(random),
    forMs: random.between(2000, 4000),
  }),
  ...repeat(2, () => ({ kind: 'Redis connections cut' })),
  (random) => ({ kind: 'Redis refuses', forMs: random.between(300, 2000) }),
  ...repeat(2, () => ({ kind: 'VOD connections cut' })),
  (random) => ({ kind: 'VOD refuses', forMs: random.between(300, 2500) }),
  (random) => ({
    kind: 'VOD line slow',
    bytesPerSecond: random.between(50_000, 500_000),
    forMs: random.between(1000, 4000),
  }),
];

/** Replies that are lost or late, for every API. */
function badReplies(actions: readonly Action[]): readonly Draw[] {
  return [
    ...repeat(
      2,
      vod((random) => ({ kind: 'http', status: random.between(500, 504), when: when(random) }), actions),
    ),
    vod((random) => ({ kind: 'html', when: when(random) }), actions),
    vod((random) => ({ kind: 'empty', when: when(random) }), actions),
    vod(() => ({ kind: 'truncated' }), actions),
    vod(() => ({ kind: 'reset', when: 'before' }), actions),
    ...repeat(
      2,
      vod(() => ({ kind: 'reset', when: 'after' }), actions),
    ),
    vod((random) => ({ kind: 'latency', ms: random.between(500, 3000) }), actions),
    vod(
      (random) => ({ kind: 'bandwidth', bytesPerSecond: random.between(200_000, 800_000) }),
      ['UploadPart'],
    ),
  ];
}

/** Each blocks all uploads for a while. */
function slowOnes(actions: readonly Action[]): readonly Draw[] {
  return [
    // Sometimes so long that producers time out and add again.
    (random) => ({ kind: 'Redis killed', forMs: random.chance(0.3) ? 6500 : random.between(100, 1500) }),
    (random) => ({ kind: 'Redis frozen', forMs: random.between(LOCK_MS * 1.2, LOCK_MS * 2) }),
    (random) => ({ kind: 'disk hangs', forMs: random.between(READ_MS * 0.5, READ_MS * 3) }),
    (random) => ({
      ...vod(() => ({ kind: 'hang', when: when(random) }), actions)(random),
      ...(random.chance(0.5) && { cutAfterMs: random.between(2000, 6000) }),
    }),
  ];
}

interface Deck {
  readonly quick: readonly Draw[];
  readonly slow: readonly Draw[];
  /** A refusal for quota. Not in every deck, and not in the first, the only one of a short run: it may hold an action for 15 s. */
  readonly quota: Draw;
}

const DECKS: Readonly<Record<VodApi, Deck>> = {
  v2: {
    quick: [
      ...QUICK_OF_ALL,
      ...repeat(
        2,
        vod((random) => ({ kind: 'code', code: random.pick(RETRYABLE_CODES), canRetry: 1 }), V2_ACTIONS),
      ),
      vod(() => ({ kind: 'code', code: 4500, canRetry: 0 }), V2_ACTIONS),
      vod(() => ({ kind: 'code', code: 4500, canRetry: 0, headers: LONG_AGO }), V2_ACTIONS),
      // A short refusal of the account.
      vod((random) => ({ kind: 'code', code: random.pick([4100, 4300]), canRetry: 0 }), V2_ACTIONS),
      ...badReplies(V2_ACTIONS),
      vod(() => ({ kind: 'unquotedFileId' }), ['FinishUpload']),
      vod(() => ({ kind: 'quirks' }), ['InitUpload', 'FinishUpload']),
    ],
    slow: slowOnes(V2_ACTIONS),
    quota: (random) => ({
      kind: 'VOD fault',
      fault: { action: random.pick(V2_ACTIONS), effect: { kind: 'code', code: 4400, canRetry: 0 }, count: 1 },
    }),
  },
  '2018-07-17': {
    quick: [
      ...QUICK_OF_ALL,
      ...repeat(
        2,
        vod((random) => ({ kind: 'error', code: 'InternalError', when: when(random) }), PRESENT_ACTIONS),
      ),
      vod(() => ({ kind: 'error', code: 'ServiceUnavailable' }), PRESENT_ACTIONS),
      vod((random) => ({ kind: 'error', code: random.pick(['SlowDown', 'RequestTimeout']) }), COS_ACTIONS),
      vod(
        (random) => ({ kind: 'error', code: 'InternalError', status: 200, when: when(random) }),
        ['CompleteMultipartUpload'],
      ),
      vod(() => ({ kind: 'error', code: 'AuthFailure.SignatureExpire', headers: LONG_AGO }), API3_ACTIONS),
      // A short refusal of the account.
      vod(() => ({ kind: 'error', code: 'UnauthorizedOperation' }), API3_ACTIONS),
      vod(() => ({ kind: 'error', code: 'ExpiredToken' }), COS_ACTIONS),
      () => ({ kind: 'sessions expire' }),
      vod(() => ({ kind: 'damage' }), ['UploadPart', 'PutObject']),
      ...badReplies(PRESENT_ACTIONS),
    ],
    slow: slowOnes(PRESENT_ACTIONS),
    quota: vod(() => ({ kind: 'error', code: 'RequestLimitExceeded' }), API3_ACTIONS),
  },
};

const DECKS_PER_QUOTA = 3;

/** The client's longest timeout, which ends a hang. Later hangs are cut, because too little time is left. */
const HANG_MS = 300_000;
/** Time after a trouble in which the workers can continue. */
const SLOW_TAIL_MS = 12_000;
const MEAN_GAP_MS = 650;
const CUT_AFTER_MS = 4000;

/**
 * The troubles of a run, which depend only on seed, duration and API. They are drawn from decks with all kinds, so that a
 * short run has each kind too.
 */
export function schedule(seed: number, durationMs: number, api: VodApi = 'v2'): readonly ScheduledTrouble[] {
  const random = new Random(seed);
  const troubles: ScheduledTrouble[] = [];
  let atMs = 1500;
  for (let deck = 0; atMs < durationMs; deck++) {
    const { quick: all, slow: few, quota } = DECKS[api];
    const quick = random.shuffle(all);
    const slow = random.shuffle(deck % DECKS_PER_QUOTA === 1 ? [...few, quota] : few);
    const every = Math.ceil(quick.length / slow.length);
    for (const [index, draw] of quick.entries()) {
      const held = index % every === 1 ? slow.pop() : undefined;
      for (const next of [held, draw]) {
        if (next === undefined) continue;
        const trouble = next(random);
        const isSlow = next === held;
        if (atMs < durationMs - (isSlow ? SLOW_TAIL_MS : 0))
          troubles.push(bounded({ ...trouble, atMs }, durationMs));
        atMs += Math.round(-Math.log(1 - random.next()) * MEAN_GAP_MS);
      }
    }
  }
  return troubles;
}

function bounded(trouble: ScheduledTrouble, durationMs: number): ScheduledTrouble {
  if (trouble.kind !== 'VOD fault' || trouble.fault.effect.kind !== 'hang') return trouble;
  if (trouble.cutAfterMs !== undefined || trouble.atMs + HANG_MS < durationMs) return trouble;
  return { ...trouble, cutAfterMs: CUT_AFTER_MS };
}

/** Name of a trouble in the table. */
export function nameOf(trouble: Trouble): string {
  if (trouble.kind !== 'VOD fault') return trouble.kind;
  const { effect } = trouble.fault;
  switch (effect.kind) {
    case 'code':
      if (effect.headers !== undefined) return `VOD code ${effect.code}, for a wrong clock`;
      return effect.canRetry === 1 ? 'VOD code, canRetry 1' : `VOD code ${effect.code}`;
    case 'error':
      return `VOD ${effect.code}${effect.when === 'after' ? ' after effect' : ''}`;
    case 'http':
      return `VOD HTTP 5xx ${effect.when ?? 'before'} effect`;
    case 'html':
    case 'empty':
    case 'reset':
    case 'hang':
      return `VOD ${effect.kind} ${effect.when ?? 'before'} effect`;
    default:
      return `VOD ${effect.kind}`;
  }
}

function repeat(times: number, draw: Draw): Draw[] {
  return Array.from({ length: times }, () => draw);
}
