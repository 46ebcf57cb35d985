import { Queue, type Telemetry } from 'bullmq';
import { Cluster } from 'ioredis';
import { callOnKeyNode, type RedisClient } from '../redis/client.ts';
import { QUEUES, STAGES, type Stage } from './names.ts';

export type Queues = Readonly<Record<Stage, Queue>>;

/** Opens all queues on one connection, which stays the caller's to close. */
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
      ...(telemetry && { telemetry }),
      // A producer must not hang while Redis is away; and only workers say how long the event streams are.
      ...(options.producer && { skipWaitingForReady: true, skipVersionCheck: true, skipMetasUpdate: true }),
      // Nobody listens to the events of single parts; a short stream keeps them out of memory.
      ...(stage === 'part' && { streams: { events: { maxLen: 0 } } }),
    });
    // The connection's own listener reports what goes wrong with it; a Queue without a listener would throw.
    queue.on('error', () => {});
    // BullMQ asks all nodes of a cluster who is connected, and fails when one is away; workers wait where the queues are.
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
