import { once } from 'node:events';
import { createServer, type Socket, connect as toTarget } from 'node:net';
import { freePort } from '../../src/demo/free-port.ts';
import { ByteSchedule } from '../../src/vod/http/throttle.ts';

/**
 * Gets the bytes of one connection as they arrive, and returns the bytes to forward. It may hold bytes back and return
 * them with later ones. Without the method, all bytes are forwarded.
 */
export interface ConnectionObserver {
  /** From the client to the target. */
  onUpstream?(bytes: Buffer): Buffer;
  /** From the target to the client. */
  onDownstream?(bytes: Buffer): Buffer;
}

/** A TCP proxy on the loopback interface that can break connections. */
export interface TcpProxy {
  readonly port: number;
  /** Resets all connections on both sides; accepts new ones. @returns the number of connections */
  cut(): number;
  /** Like `cut`, and refuses new connections until `accept`. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  /** Limits the bytes per second to the target, over all connections; undefined: no limit. */
  slow(bytesPerSecond: number | undefined): void;
  close(): Promise<void>;
}

/** @param observe called for every new connection */
export async function startProxy(
  targetPort: number,
  observe: () => ConnectionObserver = () => ({}),
): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let line: ByteSchedule | undefined;
  const waiting = new Map<NodeJS.Timeout, () => void>();
  const uplink: Line = (bytes, go) => {
    const now = performance.now();
    const delayMs = line?.waitMs(now) ?? 0;
    line?.add(bytes, now);
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
      // Bytes delayed by the previous limit are forwarded now.
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

/** Delays bytes and then calls `go`. @returns false when they can be forwarded now */
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
