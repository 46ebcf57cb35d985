import { Queue, type Telemetry } from 'bullmq';
import { Cluster } from 'ioredis';
import { defined } from '../base/defined.ts';
import { callOnKeyNode, type RedisClient } from '../redis/client.ts';
import { QUEUES, STAGES, type Stage } from './names.ts';

export type Queues = Readonly<Record<Stage, Queue>>;

/** Opens all queues on one connection, which the caller must close. */
export function openQueues(
  connection: RedisClient,
  prefix: string,
  options: { producer?: boolean; telemetry?: Telemetry | undefined } = {},
): Queues {
  const { telemetry } = options;
  const open = (stage: Stage): Queue => {
    const queue = new Queue(QUEUES[stage], {
      connection,
      prefix,
      ...defined({ telemetry }),
      // A producer must not hang while Redis is unreachable, and only workers set the length of the event streams.
      ...(options.producer && { skipWaitingForReady: true, skipVersionCheck: true, skipMetasUpdate: true }),
      // Nothing reads the events of part jobs; a short stream keeps them out of Redis memory.
      ...(stage === 'part' && { streams: { events: { maxLen: 0 } } }),
    });
    // The connection's listener reports its errors; without a listener here, the queue would throw them.
    queue.on('error', () => {});
    // BullMQ sends CLIENT LIST to all nodes of a cluster, and fails if one is down. Workers block on the queues' own node.
    if (connection instanceof Cluster) {
      queue.getBackend().getClientList = async () => [
        String(await callOnKeyNode(connection, queue.toKey('meta'), ['client', 'list'])),
      ];
    }
    return queue;
  };
  return Object.fromEntries(STAGES.map((stage) => [stage, open(stage)])) as Record<Stage, Queue>;
}

export async function closeQueues(queues: Queues): Promise<void> {
  await Promise.allSettled(Object.values(queues).map((queue) => queue.close()));
}
