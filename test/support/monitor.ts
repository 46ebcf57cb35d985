import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';

/**
 * Watches the commands of all clients with MONITOR. Uses a plain socket, because ioredis takes the first commands for
 * replies when they arrive in one packet with the reply to MONITOR.
 * @returns after MONITOR has started, the commands as MONITOR prints them, with their arguments in double quotes
 */
async function monitor(redisUrl: string): Promise<AsyncIterable<string>> {
  const { hostname, port } = new URL(redisUrl);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  socket.write('MONITOR\r\n');
  const { value: reply } = await lines.next();
  if (reply !== '+OK') throw new Error(`unexpected reply to MONITOR: ${reply}`);
  return { [Symbol.asyncIterator]: () => lines };
}

/**
 * Waits for a command of any client.
 * @param matches gets each command as {@link monitor} gives it
 * @returns after MONITOR has started, a promise of the first matching line
 */
export async function commandRun(
  redisUrl: string,
  matches: (line: string) => boolean,
): Promise<{ line: Promise<string> }> {
  const commands = await monitor(redisUrl);
  const first = async (): Promise<string> => {
    for await (const line of commands) if (matches(line)) return line;
    throw new Error('Redis closed the connection');
  };
  return { line: first() };
}

/** Collects the commands of all clients. @returns a growing list, with lines as {@link monitor} gives them */
export async function commandsRun(redisUrl: string): Promise<readonly string[]> {
  const commands = await monitor(redisUrl);
  const list: string[] = [];
  const collect = async (): Promise<void> => {
    for await (const line of commands) list.push(line);
  };
  void collect().catch(() => {});
  return list;
}
