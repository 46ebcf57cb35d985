import type { Queue } from 'bullmq';
import { optionalReply } from '../redis/optional-commands.ts';

/** Workers that are connected for a queue; undefined when Redis does not tell (CLIENT LIST). */
export async function countConnectedWorkers(queue: Queue): Promise<number | undefined> {
  return await optionalReply(queue.getWorkersCount());
}

/**
 * The names of the workers that are connected for a queue, undefined of one that has none, as of earlier versions; in all
 * undefined when Redis does not tell.
 */
export async function connectedWorkerNames(queue: Queue): Promise<(string | undefined)[] | undefined> {
  const clients = await optionalReply(queue.getWorkers());
  // Where Redis tells no names BullMQ makes one up, and without this.
  if (clients === undefined || clients.some(({ rawname }) => rawname === undefined)) return undefined;
  return clients.map(({ rawname = '' }) => rawname.split(':w:')[1]);
}
