import type { Delays } from 'got';

/** How long each phase of a request may take. */
export interface VodTimeouts {
  /** To resolve the host name, and again to connect, in ms. */
  readonly connectMs: number;
  /** From connected to the end of the TLS handshake, in ms. */
  readonly secureConnectMs: number;
  /** To send a request without a body, in ms. */
  readonly sendMs: number;
  /** For the connection to accept a piece of a body, in addition to its time at `minBytesPerSecond`, in ms. */
  readonly stallMs: number;
  /** From the sent request to the first byte of the reply, in addition to the time for the body; and again to the last, in ms. */
  readonly responseMs: number;
  /** A sent body gets at least the time that it takes at this speed, even if other bodies are faster; bytes per second. */
  readonly usualBytesPerSecond: number;
  /** The slowest connection that is supported, in bytes per second. */
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

/** Fixed time-outs by phase: all those of a request without a body; of one with a body those that do not depend on it. */
export function phaseTimeouts(timeouts: VodTimeouts, hasBody: boolean): Delays {
  const { connectMs, secureConnectMs, sendMs, responseMs } = timeouts;
  return {
    lookup: connectMs,
    connect: connectMs,
    secureConnect: secureConnectMs,
    read: responseMs,
    // Starts with the connection, so it includes the handshake.
    ...(!hasBody && { send: secureConnectMs + sendMs, response: responseMs }),
  };
}

/** Until there is a connection. Covers what no phase covers, such as a proxy that never opens its tunnel. */
export function connectionMs({ connectMs, secureConnectMs, sendMs }: VodTimeouts): number {
  return 2 * connectMs + secureConnectMs + sendMs;
}

/** For a whole request without a body. */
export function requestMs(timeouts: VodTimeouts): number {
  return connectionMs(timeouts) + 2 * timeouts.responseMs;
}

/** Until the connection has accepted a piece of a body. */
export function pieceMs({ stallMs, minBytesPerSecond }: VodTimeouts, bytes: number): number {
  return stallMs + Math.ceil((bytes * 1000) / minBytesPerSecond);
}

/** Up to this many other bodies may be in the buffers before a body. */
const BODIES_BEFORE = 8;

/** More of a body than this is hardly ever in buffers on the way when the connection has accepted its last byte. */
const MAX_BUFFERED_BYTES = 4 * 1024 * 1024;

/**
 * From the end of a body to the first byte of the reply. Operating systems and proxies can buffer a whole part, so the
 * time until it arrives is estimated from the bodies before it.
 * @param slowestMs the time of the slowest of those; undefined: there was none
 */
export function replyMs(timeouts: VodTimeouts, bodyBytes: number, slowestMs: number | undefined): number {
  const { responseMs, usualBytesPerSecond, minBytesPerSecond } = timeouts;
  const bytes = Math.min(bodyBytes, MAX_BUFFERED_BYTES);
  const usualMs = (bytes * 1000) / usualBytesPerSecond;
  const longestMs = (bytes * 1000) / minBytesPerSecond;
  const estimateMs = slowestMs === undefined ? longestMs : Math.max(usualMs, BODIES_BEFORE * slowestMs);
  return responseMs + Math.ceil(Math.min(estimateMs, longestMs));
}

/** A body whose pieces progress may be slower than `minBytesPerSecond` by this factor. */
const SLOWER_FACTOR = 4;

/** The longest delay of a Node timer; longer ones would pass at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** For a whole body, whatever its progress, so that every request ends; without the time it waits for a bandwidth limit. */
export function bodyMs({ stallMs, minBytesPerSecond }: VodTimeouts, bytes: number): number {
  return Math.min(MAX_TIMER_MS, stallMs + Math.ceil((SLOWER_FACTOR * bytes * 1000) / minBytesPerSecond));
}
