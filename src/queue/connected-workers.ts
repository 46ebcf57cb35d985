import type { Queue } from 'bullmq';
import { optionalReply } from '../redis/optional-commands.ts';

/** Counts the workers that are connected for a queue; undefined if Redis refuses CLIENT LIST. */
export async function countConnectedWorkers(queue: Queue): Promise<number | undefined> {
  return await optionalReply(queue.getWorkersCount());
}

/**
 * The names of the workers that are connected for a queue. A name is undefined if the worker has none, as in earlier
 * versions; the list is undefined if Redis refuses CLIENT LIST or does not return names.
 */
export async function connectedWorkerNames(queue: Queue): Promise<(string | undefined)[] | undefined> {
  const clients = await optionalReply(queue.getWorkers());
  // If Redis returns no names, BullMQ makes up one, without `rawname`.
  if (clients === undefined || clients.some(({ rawname }) => rawname === undefined)) return undefined;
  return clients.map(({ rawname = '' }) => rawname.split(':w:')[1]);
}
