import { defined } from '../base/defined.ts';
import { countConnectedWorkers } from '../queue/connected-workers.ts';
import { DEFAULT_STAGES, STAGES, type Stage } from '../queue/names.ts';
import type { Queues } from '../queue/queues.ts';
import { type Hold, holdKey, parseHold } from '../quota/hold.ts';
import type { RedisClient } from '../redis/client.ts';

/** What blocks all uploads, independent of any single upload. */
export interface Blockers {
  readonly hold?: Hold;
  /** Stages whose queue is paused. */
  readonly paused: readonly Stage[];
  /** Stages that every upload needs but that have no connected worker. */
  readonly unattended: readonly Stage[];
}

export async function readBlockers(queues: Queues, redis: RedisClient, prefix: string): Promise<Blockers> {
  const [hold, paused, unattended] = await Promise.all([
    redis.get(holdKey(prefix)).then(parseHold),
    filterStages(STAGES, (stage) => queues[stage].isPaused()),
    filterStages(DEFAULT_STAGES, async (stage) => (await countConnectedWorkers(queues[stage])) === 0),
  ]);
  return { paused, unattended, ...defined({ hold }) };
}

async function filterStages(
  stages: readonly Stage[],
  matches: (stage: Stage) => Promise<boolean>,
): Promise<Stage[]> {
  const results = await Promise.all(stages.map(matches));
  return stages.filter((_, index) => results[index]);
}
