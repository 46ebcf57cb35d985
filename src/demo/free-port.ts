import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ephemeral ports (from 32,768 on Linux, from 49,152 elsewhere), so that no outgoing connection takes the port
 * while its server is restarted.
 */
const LOWEST_PORT = 15_000;
const HIGHEST_PORT = 32_000;

/** Ports returned before: their servers may not listen yet, or may be restarting. */
const returned = new Set<number>();

/** A free loopback port. Random, so that two processes rarely get the same. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT);
    if (returned.has(port) || !(await canListen(port))) continue;
    returned.add(port);
    return port;
  }
}

/** Whether this loopback port is free. */
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
