import type { Fault } from '../../src/emulator/server.ts';
import type { VodAction } from '../../src/vod/wire/protocol.ts';
import { Random } from './random.ts';

/** Worker processes that run at the same time, and the stages of each; `undefined` is all but `events`. */
export const WORKER_SLOTS = [
  undefined,
  'upload,hash,init,part,finish,transcode,webhook,events',
  'upload,hash,init,finish,transcode,webhook,events',
  'part',
] as const;

/** Locks last this long in a chaos run; what freezes does it for longer. */
export const LOCK_MS = 1500;

/** Reads may last this long. */
export const READ_MS = 1500;

/** Something that goes wrong at a moment; `slot` is an index of WORKER_SLOTS. */
export type Trouble =
  | { readonly kind: 'worker killed'; readonly slot: number; readonly downMs: number }
  | { readonly kind: 'worker terminated'; readonly slot: number; readonly downMs: number }
  | { readonly kind: 'worker frozen'; readonly slot: number; readonly forMs: number }
  /** It takes the place of a slot's worker. */
  | { readonly kind: 'worker with a wrong key'; readonly slot: number; readonly forMs: number }
  /** It sees no source, in the place of a slot's worker. */
  | { readonly kind: 'worker with other roots'; readonly slot: number; readonly forMs: number }
  /** That of all sources, for all workers. */
  | { readonly kind: 'disk hangs'; readonly forMs: number }
  | { readonly kind: 'Redis killed'; readonly forMs: number }
  | { readonly kind: 'Redis frozen'; readonly forMs: number }
  | { readonly kind: 'Redis refuses'; readonly forMs: number }
  | { readonly kind: 'Redis connections cut' }
  | { readonly kind: 'VOD refuses'; readonly forMs: number }
  | { readonly kind: 'VOD connections cut' }
  /** Of all connections to VOD together. */
  | { readonly kind: 'VOD line slow'; readonly bytesPerSecond: number; readonly forMs: number }
  /** `cutAfterMs`: when connections to VOD are cut, so that what hangs needs no time-out. */
  | { readonly kind: 'VOD fault'; readonly fault: Fault; readonly cutAfterMs?: number };

export type ScheduledTrouble = Trouble & { readonly atMs: number };

type Draw = (random: Random) => Trouble;

const ACTIONS: readonly VodAction[] = [
  'InitUpload',
  'UploadPart',
  'FinishUpload',
  'ConvertVodFile',
  'PullEvent',
  'ConfirmEvent',
];

/** A fault of the emulator on one action, or on each in turn; those of which there are few are hit once. */
function vod(effect: (random: Random) => Fault['effect'], actions = ACTIONS): Draw {
  return (random) => {
    const action = random.pick(actions);
    const count = action === 'UploadPart' ? random.between(1, 6) : 1;
    return { kind: 'VOD fault', fault: { action, effect: effect(random), count } };
  };
}

const slot = (random: Random): number => random.between(0, WORKER_SLOTS.length - 1);
const when = (random: Random): 'before' | 'after' => random.pick(['before', 'after']);
/** As a machine sees it whose clock is years ahead. */
const LONG_AGO = { Date: 'Tue, 01 Jan 2019 00:00:00 GMT' };
const RETRYABLE_CODES = [-10001, -10002, -10003, -10004, -10005, -10006, 5100, 6000, 6200];

/** Hits often, soon over. */
const QUICK: readonly Draw[] = [
  ...repeat(4, (random) => ({
    kind: 'worker killed',
    slot: slot(random),
    downMs: random.between(0, 1500),
  })),
  // Orchestration alone, so that it often dies between two steps.
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
  ...repeat(
    2,
    vod((random) => ({ kind: 'code', code: random.pick(RETRYABLE_CODES), canRetry: 1 })),
  ),
  vod(() => ({ kind: 'code', code: 4500, canRetry: 0 })),
  vod(() => ({ kind: 'code', code: 4500, canRetry: 0, headers: LONG_AGO })),
  // The account is refused, and then it isn't.
  vod((random) => ({ kind: 'code', code: random.pick([4100, 4300]), canRetry: 0 })),
  ...repeat(
    2,
    vod((random) => ({ kind: 'http', status: random.between(500, 504), when: when(random) })),
  ),
  vod((random) => ({ kind: 'html', when: when(random) })),
  vod((random) => ({ kind: 'empty', when: when(random) })),
  vod(() => ({ kind: 'truncated' })),
  vod(() => ({ kind: 'reset', when: 'before' })),
  ...repeat(
    2,
    vod(() => ({ kind: 'reset', when: 'after' })),
  ),
  vod((random) => ({ kind: 'latency', ms: random.between(500, 3000) })),
  vod((random) => ({ kind: 'bandwidth', bytesPerSecond: random.between(200_000, 800_000) }), ['UploadPart']),
  vod(() => ({ kind: 'unquotedFileId' }), ['FinishUpload']),
  vod(() => ({ kind: 'quirks' }), ['InitUpload', 'FinishUpload']),
];

/** Each holds up everything for a while. */
const SLOW: readonly Draw[] = [
  // For long enough, now and then, that producers give up and add again.
  (random) => ({ kind: 'Redis killed', forMs: random.chance(0.3) ? 6500 : random.between(100, 1500) }),
  (random) => ({ kind: 'Redis frozen', forMs: random.between(LOCK_MS * 1.2, LOCK_MS * 2) }),
  (random) => ({ kind: 'disk hangs', forMs: random.between(READ_MS * 0.5, READ_MS * 3) }),
  (random) => ({
    ...vod(() => ({ kind: 'hang', when: when(random) }))(random),
    ...(random.chance(0.5) && { cutAfterMs: random.between(2000, 6000) }),
  }),
];

/** Stops an action for 15 s, so it is not in every deck, and not in the first, which is all that a short run has. */
const QUOTA: Draw = (random) => ({
  kind: 'VOD fault',
  fault: { action: random.pick(ACTIONS), effect: { kind: 'code', code: 4400, canRetry: 0 }, count: 1 },
});
const DECKS_PER_QUOTA = 3;

/** A hang that isn't cut ends by the client's longest time-out; without so much time left, it is cut. */
const HANG_MS = 300_000;
/** What is held up must have time to show that it goes on. */
const SLOW_TAIL_MS = 12_000;
const MEAN_GAP_MS = 650;
const CUT_AFTER_MS = 4000;

/**
 * What goes wrong in a run: the same for the same seed and duration. Troubles are drawn from decks that hold all kinds,
 * so that a short run has each of them as well.
 */
export function schedule(seed: number, durationMs: number): readonly ScheduledTrouble[] {
  const random = new Random(seed);
  const troubles: ScheduledTrouble[] = [];
  let atMs = 1500;
  for (let deck = 0; atMs < durationMs; deck++) {
    const quick = random.shuffle(QUICK);
    const slow = random.shuffle(deck % DECKS_PER_QUOTA === 1 ? [...SLOW, QUOTA] : SLOW);
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

/** What a table calls a trouble. */
export function nameOf(trouble: Trouble): string {
  if (trouble.kind !== 'VOD fault') return trouble.kind;
  const { effect } = trouble.fault;
  switch (effect.kind) {
    case 'code':
      if (effect.headers !== undefined) return `VOD code ${effect.code}, for a wrong clock`;
      return effect.canRetry === 1 ? 'VOD code, canRetry 1' : `VOD code ${effect.code}`;
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
