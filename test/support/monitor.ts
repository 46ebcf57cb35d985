import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';

/**
 * Watches the commands that a Redis runs for all its clients. On a socket of its own: ioredis takes what MONITOR says
 * for replies until it has seen the reply to MONITOR itself, which may come in one packet with the first command.
 * @param matches sees each command as MONITOR prints it, with its arguments in double quotes
 * @returns once Redis watches, a promise of the first line that matches
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
  if (reply !== '+OK') throw new Error(`MONITOR was answered with ${reply}`);
  const first = async (): Promise<string> => {
    for await (const line of { [Symbol.asyncIterator]: () => lines }) if (matches(line)) return line;
    throw new Error('Redis closed the connection.');
  };
  return { line: first() };
}
