import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below those that systems give to outgoing connections (from 32,768 on Linux, from 49,152 elsewhere): such a connection
 * can't take the port while its server is away.
 */
const LOWEST_PORT = 15_000;
const HIGHEST_PORT = 32_000;

/** What this process has got so far: a server may not listen yet, or be away for a moment. */
const given = new Set<number>();

/** A port of the loopback interface that nobody listens on; a random one, so that two processes hardly get the same. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT);
    if (given.has(port) || !(await canListen(port))) continue;
    given.add(port);
    return port;
  }
}

/** Whether nobody listens on this port of the loopback interface. */
export async function canListen(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
    return true;
  } catch {
    return false;
  }
}
