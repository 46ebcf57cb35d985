import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';

/**
 * Watches the commands of all clients with MONITOR. Uses a plain socket, because ioredis takes the first commands for
 * replies when they arrive in one packet with the reply to MONITOR.
 * @param matches gets each command as MONITOR prints it, with its arguments in double quotes
 * @returns after MONITOR has started, a promise of the first matching line
 */
export async function commandRun(
  redisUrl: string,
  matches: (line: string) => boolean,
): Promise<{ line: Promise<string> }> {
  const { hostname, port } = new URL(redisUrl);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  socket.write('MONITOR\r\n');
  const { value: reply } = await lines.next();
  if (reply !== '+OK') throw new Error(`unexpected reply to MONITOR: ${reply}`);
  const first = async (): Promise<string> => {
    for await (const line of { [Symbol.asyncIterator]: () => lines }) if (matches(line)) return line;
    throw new Error('Redis closed the connection');
  };
  return { line: first() };
}
