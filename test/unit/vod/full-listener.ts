import { once } from 'node:events';
import net from 'node:net';
import { Worker } from 'node:worker_threads';
import { onTestFinished } from 'vitest';

/** Listens with the shortest queue and then blocks its thread, so that it accepts nothing. */
const LISTENER = `
  const { parentPort } = require('node:worker_threads');
  const server = require('node:net').createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
`;

/** The endpoint of a listener with a full queue: connecting to it never completes. */
export async function fullListener(): Promise<string> {
  const listener = new Worker(LISTENER, { eval: true });
  const [port] = (await once(listener, 'message')) as [number];
  const fillers: net.Socket[] = [];
  onTestFinished(async () => {
    for (const socket of fillers) socket.destroy();
    await listener.terminate();
  });
  // The kernel accepts one connection more than the queue's length, and ignores further ones.
  for (let count = 0; count < 2; count += 1) {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    fillers.push(socket);
    await once(socket, 'connect');
  }
  return `http://127.0.0.1:${port}/v2/index.php`;
}
