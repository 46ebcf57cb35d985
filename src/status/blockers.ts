import { countConnectedWorkers } from '../queue/connected-workers.ts';
import { DEFAULT_STAGES, STAGES, type Stage } from '../queue/names.ts';
import type { Queues } from '../queue/queues.ts';
import { type Hold, holdKey, parseHold } from '../quota/hold.ts';
import type { RedisClient } from '../redis/client.ts';

/** What keeps all uploads from going on, whatever is the matter with each of them. */
export interface Blockers {
  readonly hold?: Hold;
  /** Stages whose queue somebody has paused. */
  readonly paused: readonly Stage[];
  /** Stages that uploads need and no worker is connected for. */
  readonly unattended: readonly Stage[];
}

export async function readBlockers(queues: Queues, redis: RedisClient, prefix: string): Promise<Blockers> {
  const those = async (
    stages: readonly Stage[],
    fits: (stage: Stage) => Promise<boolean>,
  ): Promise<Stage[]> => {
    const found = await Promise.all(stages.map(fits));
    return stages.filter((_, index) => found[index]);
  };
  const [hold, paused, unattended] = await Promise.all([
    redis.get(holdKey(prefix)).then(parseHold),
    those(STAGES, (stage) => queues[stage].isPaused()),
    those(DEFAULT_STAGES, async (stage) => (await countConnectedWorkers(queues[stage])) === 0),
  ]);
  return { paused, unattended, ...(hold !== undefined && { hold }) };
}
