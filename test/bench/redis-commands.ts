import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';

/** Numbers of commands that Redis executed, including those in scripts. */
export interface CommandCounts {
  /** Of BullMQ's workers, queues and events. */
  readonly bullmq: number;
  /** Of this project's own scripts and reads. */
  readonly own: number;
}

/**
 * Counts the commands of all clients while an action runs. MONITOR slows Redis down: measure times without it.
 *
 * BullMQ runs its scripts by EVALSHA, waits for jobs with BZPOPMIN and for events with XREAD; this project runs its own
 * scripts by EVAL. Call it when all scripts have been loaded.
 */
export async function countCommands(
  redisUrl: string,
  action: () => Promise<unknown>,
): Promise<CommandCounts> {
  const { hostname, port } = new URL(redisUrl);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  const counts = { bullmq: 0, own: 0 };
  let by: keyof CommandCounts = 'own';
  const lines = createInterface({ input: socket });
  const isLast = (line: string): boolean => line.includes('"PING" "counted"');
  const ended = new Promise<void>((resolve) => {
    lines.on('line', (line) => {
      if (isLast(line)) return resolve();
      const [, client, command = ''] = /^\+?[\d.]+ \[\d+ ([^\]]+)\] "(\w+)"/.exec(line) ?? [];
      if (client === undefined) return;
      if (client !== 'lua') by = /^(evalsha|bzpopmin|xread)$/i.test(command) ? 'bullmq' : 'own';
      counts[by]++;
    });
  });
  const started = once(lines, 'line');
  socket.write('MONITOR\r\n');
  await started;
  await action();
  const client = new Redis(redisUrl);
  await client.call('PING', 'counted');
  await ended;
  client.disconnect();
  socket.destroy();
  return counts;
}
