import type { Delays } from 'got';

/** How long each phase of a request may take. */
export interface VodTimeouts {
  /** To resolve the host's name, and again to connect, in ms. */
  readonly connectMs: number;
  /** From connected to the end of the TLS handshake, in ms. */
  readonly secureConnectMs: number;
  /** To send a request without a body, in ms. */
  readonly sendMs: number;
  /** For a piece of a body to be taken, besides the time that it takes at `minBytesPerSecond`, in ms. */
  readonly stallMs: number;
  /** From the request sent to the reply's first byte, besides the time that its body takes, and again to its last, in ms. */
  readonly responseMs: number;
  /** However fast other bodies are, one may still be on its way as if at this speed, in bytes per second. */
  readonly usualBytesPerSecond: number;
  /** What a body gets of the slowest line, in bytes per second. */
  readonly minBytesPerSecond: number;
}

export const DEFAULT_TIMEOUTS: VodTimeouts = {
  connectMs: 10_000,
  secureConnectMs: 10_000,
  sendMs: 5_000,
  stallMs: 30_000,
  responseMs: 30_000,
  usualBytesPerSecond: 64 * 1024,
  minBytesPerSecond: 4 * 1024,
};

/** The time-outs of a request without a body, and those of one with a body that do not depend on it. */
export function phaseTimeouts(timeouts: VodTimeouts, hasBody: boolean): Delays {
  const { connectMs, secureConnectMs, sendMs, responseMs } = timeouts;
  return {
    lookup: connectMs,
    connect: connectMs,
    secureConnect: secureConnectMs,
    read: responseMs,
    // Runs from the connection on, so it has the handshake in it.
    ...(!hasBody && { send: secureConnectMs + sendMs, response: responseMs }),
  };
}

/** Until there is a connection: what no phase sees, such as a proxy that never opens its tunnel, ends then. */
export function connectionMs({ connectMs, secureConnectMs, sendMs }: VodTimeouts): number {
  return 2 * connectMs + secureConnectMs + sendMs;
}

/** For all of a request without a body. */
export function requestMs(timeouts: VodTimeouts): number {
  return connectionMs(timeouts) + 2 * timeouts.responseMs;
}

/** For a piece of a body until the connection has taken it. */
export function pieceMs({ stallMs, minBytesPerSecond }: VodTimeouts, bytes: number): number {
  return stallMs + Math.ceil((bytes * 1000) / minBytesPerSecond);
}

/** A body on its way may have to wait for so many others, which took the line before it. */
const BODIES_BEFORE = 8;

/**
 * From a body that the connection has taken to the reply's first byte. Operating systems and proxies hold a whole part,
 * and nobody sees it leave: how long that may take is judged by the bodies before it.
 * @param slowestMs how long the slowest of those took; undefined: there was none
 */
export function replyMs(timeouts: VodTimeouts, bytes: number, slowestMs: number | undefined): number {
  const { responseMs, usualBytesPerSecond, minBytesPerSecond } = timeouts;
  const usualMs = (bytes * 1000) / usualBytesPerSecond;
  const longestMs = (bytes * 1000) / minBytesPerSecond;
  const known = slowestMs === undefined ? longestMs : Math.max(usualMs, BODIES_BEFORE * slowestMs);
  return responseMs + Math.ceil(Math.min(known, longestMs));
}

/** A body that gets on piece by piece may be so much slower than the slowest line. */
const SLOWER = 4;

/** For all of a body, however it gets on, so that no request goes on for ever. */
export function bodyMs({ stallMs, minBytesPerSecond }: VodTimeouts, bytes: number): number {
  return stallMs + Math.ceil((SLOWER * bytes * 1000) / minBytesPerSecond);
}

/** Time-outs under a cap: all connections share it, and each may have no more than an even share. */
export function cappedTimeouts(
  timeouts: VodTimeouts,
  cap: { readonly bytesPerSecond: number; readonly connections: number },
): VodTimeouts {
  const share = cap.bytesPerSecond / cap.connections;
  return { ...timeouts, minBytesPerSecond: Math.min(timeouts.minBytesPerSecond, share) };
}
