import { once } from 'node:events';
import { createServer, type Socket, connect as toTarget } from 'node:net';
import { freePort } from '../../src/demo/free-port.ts';
import { ByteSchedule } from '../../src/vod/http/throttle.ts';

/**
 * Sees the bytes of one connection, as they come, and says which of them go on; what it holds back it may give out
 * later, with bytes that come after. Without a method of that name they all go on.
 */
export interface ConnectionObserver {
  /** From the client to the target. */
  onUpstream?(bytes: Buffer): Buffer;
  /** From the target to the client. */
  onDownstream?(bytes: Buffer): Buffer;
}

/** A TCP proxy on the loopback interface, whose connections can fail. */
export interface TcpProxy {
  readonly port: number;
  /** Resets every connection, on both sides; new ones are taken. @returns how many there were. */
  cut(): number;
  /** Like `cut`, and new connections are refused until `accept`. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  /** From now on all connections together bring no more than this to the target; undefined: as much as they can. */
  slow(bytesPerSecond: number | undefined): void;
  /** Ends everything. */
  close(): Promise<void>;
}

/** @param observe called for each new connection */
export async function startProxy(
  targetPort: number,
  observe: () => ConnectionObserver = () => ({}),
): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let line: ByteSchedule | undefined;
  const waiting = new Map<NodeJS.Timeout, () => void>();
  const uplink: Line = (bytes, go) => {
    const delayMs = line?.delayMs(bytes, performance.now()) ?? 0;
    if (delayMs === 0) return false;
    const timer = setTimeout(() => {
      waiting.delete(timer);
      go();
    }, delayMs);
    waiting.set(timer.unref(), go);
    return true;
  };
  const server = createServer({ noDelay: true }, (client) => {
    const target = toTarget({ port: targetPort, host: '127.0.0.1', noDelay: true });
    const pair = [client, target] as const;
    pairs.add(pair);
    const observer = observe();
    pass(client, target, (bytes) => observer.onUpstream?.(bytes) ?? bytes, uplink);
    pass(target, client, (bytes) => observer.onDownstream?.(bytes) ?? bytes);
    for (const [own, other] of [pair, [target, client] as const]) {
      own.on('error', () => reset(other));
      own.on('close', (failed) => {
        pairs.delete(pair);
        if (failed) reset(other);
        else other.end();
      });
    }
  });
  let listening = true;
  const port = await freePort();
  const listen = async (): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    listening = true;
  };
  await listen();
  const proxy: TcpProxy = {
    port,
    cut() {
      const { size } = pairs;
      for (const pair of pairs) for (const socket of pair) reset(socket);
      pairs.clear();
      return size;
    },
    async refuse() {
      const closed = listening ? once(server, 'close') : undefined;
      listening = false;
      if (closed !== undefined) server.close();
      proxy.cut();
      await closed;
    },
    async accept() {
      if (!listening) await listen();
    },
    slow(bytesPerSecond) {
      line = bytesPerSecond === undefined ? undefined : new ByteSchedule(bytesPerSecond);
      // What waits for its turn on the line that there was goes on.
      for (const [timer, go] of waiting) {
        clearTimeout(timer);
        go();
      }
      waiting.clear();
    },
    close: () => proxy.refuse(),
  };
  return proxy;
}

/** Has so many bytes wait for their turn, and calls `go` then. @returns false when they may go on now */
type Line = (bytes: number, go: () => void) => boolean;

function pass(from: Socket, to: Socket, filter: (bytes: Buffer) => Buffer, line: Line = () => false): void {
  const go = (bytes: Buffer): void => {
    const passed = filter(bytes);
    if (passed.length === 0 || !to.writable || to.write(passed)) return;
    from.pause();
    to.once('drain', () => from.resume());
  };
  from.on('data', (bytes: Buffer) => {
    const late = (): void => {
      from.resume();
      go(bytes);
    };
    if (line(bytes.length, late)) from.pause();
    else go(bytes);
  });
  from.on('end', () => to.end());
}

function reset(socket: Socket): void {
  if (!socket.destroyed) socket.resetAndDestroy();
}
