import type { RedisClient } from './connection.ts';
import { type Hold, holdKey, parseHold } from './hold.ts';
import { STAGES, type Stage } from './names.ts';
import type { Queues } from './queues.ts';

/** What keeps all uploads from going on, whatever is the matter with each of them. */
export interface Situation {
  readonly hold?: Hold;
  /** Stages whose queue somebody has paused. */
  readonly paused: readonly Stage[];
  /** Stages that no worker is connected for. */
  readonly unattended: readonly Stage[];
}

export async function readSituation(queues: Queues, redis: RedisClient, prefix: string): Promise<Situation> {
  const stages = async (fits: (stage: Stage) => Promise<boolean>): Promise<Stage[]> => {
    const found = await Promise.all(STAGES.map(fits));
    return STAGES.filter((_, index) => found[index]);
  };
  const [hold, paused, unattended] = await Promise.all([
    redis.get(holdKey(prefix)).then(parseHold),
    stages((stage) => queues[stage].isPaused()),
    stages(async (stage) => (await queues[stage].getWorkersCount()) === 0),
  ]);
  return { paused, unattended, ...(hold !== undefined && { hold }) };
}
