import type { Delays } from 'got';

/** How long each phase of a request may take. */
export interface VodTimeouts {
  /** To resolve the host's name, and again to connect, in ms. */
  readonly connectMs: number;
  /** From connected to the end of the TLS handshake, in ms. */
  readonly secureConnectMs: number;
  /** To send a request, besides the time that its size takes at `minBytesPerSecond`, in ms. */
  readonly sendMs: number;
  /** From the request sent to the reply's first byte, and again to its last, in ms. */
  readonly responseMs: number;
  /** The slowest line that a part may be sent over, in bytes per second. */
  readonly minBytesPerSecond: number;
}

export const DEFAULT_TIMEOUTS: VodTimeouts = {
  connectMs: 10_000,
  secureConnectMs: 10_000,
  sendMs: 5_000,
  responseMs: 30_000,
  minBytesPerSecond: 64 * 1024,
};

/**
 * The time-outs of one request with a body of `bodyBytes`. "Sent" means handed to the operating system, which can
 * hold a whole part; so the size counts for the wait for the reply as well. `request` is the sum of what really
 * takes turns: it ends what no phase sees, such as a proxy that never opens its tunnel.
 */
export function phaseTimeouts(timeouts: VodTimeouts, bodyBytes: number): Delays {
  const { connectMs, secureConnectMs, sendMs, responseMs, minBytesPerSecond } = timeouts;
  const transferMs = Math.ceil((bodyBytes * 1000) / minBytesPerSecond);
  return {
    lookup: connectMs,
    connect: connectMs,
    secureConnect: secureConnectMs,
    // Runs from the connection on, so it has the handshake in it.
    send: secureConnectMs + sendMs + transferMs,
    response: responseMs + transferMs,
    read: responseMs,
    request: 2 * connectMs + secureConnectMs + sendMs + transferMs + 2 * responseMs,
  };
}

/** Time-outs under a cap: all connections share it, and each may have no more than an even share. */
export function cappedTimeouts(
  timeouts: VodTimeouts,
  cap: { readonly bytesPerSecond: number; readonly connections: number },
): VodTimeouts {
  const share = cap.bytesPerSecond / cap.connections;
  return { ...timeouts, minBytesPerSecond: Math.min(timeouts.minBytesPerSecond, share) };
}
