import http from 'node:http';
import https from 'node:https';
import got, { type Got } from 'got';
import { httpDateMs } from '../retry-after.ts';
import { transportError, type VodTransportError } from './errors.ts';
import { cleanCause, failureOf, type Progress, statusFailure } from './failure.ts';
import type { VodAction } from './protocol.ts';
import type { Redact } from './text.ts';
import { type Throttle, throttled } from './throttle.ts';
import { phaseTimeouts, type VodTimeouts } from './timeouts.ts';
import type { TransportCode } from './transport.ts';

/** One signed request. */
interface Outgoing {
  readonly action: VodAction;
  /** With the signed query. */
  readonly url: URL;
  /** Sent by POST as it is, without a copy, or throttled by pieces; none: GET. */
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal | undefined;
  /** For whatever of this request ends up in an error. */
  readonly redact: Redact;
}

/** What came back. */
interface Incoming {
  readonly text: string;
  /** When it was sent by the sender's own clock, in ms since 1970, to the second. */
  readonly dateMs: number | undefined;
}

/** Sends requests, each once, and gives the text of the reply; knows HTTP and no codes. */
interface Exchange {
  /** Throws VodTransportError only. */
  send(request: Outgoing): Promise<Incoming>;
  /** Ends idle sockets; requests in flight go on. */
  close(): void;
}

export interface ExchangeOptions {
  readonly connections: number;
  readonly timeouts: VodTimeouts;
  readonly maxReplyBytes: number;
  /** Asked before each piece of a body; absent: bodies are sent at once. */
  readonly throttle?: Throttle | undefined;
  readonly proxyEnv?: Readonly<Record<string, string | undefined>> | undefined;
}

/** Idle sockets end on this side before the usual server or balancer ends them just as a request is on its way. */
const IDLE_SOCKET_MS = 15_000;

export function createExchange(options: ExchangeOptions): Exchange {
  const agentOptions = {
    keepAlive: true,
    maxSockets: options.connections,
    maxFreeSockets: options.connections,
    timeout: IDLE_SOCKET_MS,
    ...(options.proxyEnv === undefined ? {} : { proxyEnv: { ...options.proxyEnv } }),
  };
  const agents = { http: new http.Agent(agentOptions), https: new https.Agent(agentOptions) };
  const client: Got = got.extend({
    agent: agents,
    retry: { limit: 0 },
    followRedirect: false,
    throwHttpErrors: false,
    responseType: 'text',
    headers: { 'user-agent': 'vod-upload-worker', accept: 'application/json' },
  });

  async function receive(
    request: Outgoing,
    progress: Progress,
  ): Promise<{ status: number; headers: http.IncomingHttpHeaders; text: string }> {
    const { url, body, signal } = request;
    const stop = new AbortController();
    const abort = (): void => stop.abort();
    signal?.addEventListener('abort', abort, { once: true });
    const { request: wholeMs, ...timeout } = phaseTimeouts(options.timeouts, body?.byteLength ?? 0);
    // Not got's own: that one can't end a request that has no socket yet, as behind a proxy that opens no tunnel.
    const deadline = setTimeout(() => {
      progress.overdue = true;
      stop.abort();
    }, wholeMs);
    try {
      if (signal?.aborted) stop.abort();
      const pending = client(url, {
        timeout,
        signal: stop.signal,
        ...(body === undefined
          ? { method: 'GET' }
          : {
              method: 'POST',
              body:
                options.throttle === undefined
                  ? new OnePiece(body)
                  : throttled(body, options.throttle, stop.signal),
              headers: {
                'content-type': 'application/octet-stream',
                'content-length': String(body.byteLength),
              },
            }),
      });
      pending.on('request', (outgoing: http.ClientRequest) => {
        outgoing.once('socket', (socket) => {
          const mark = (): void => {
            progress.sent = true;
          };
          if (socket.connecting) socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', mark);
          else mark();
        });
      });
      pending.on('downloadProgress', ({ transferred, total }) => {
        if (transferred <= options.maxReplyBytes && (total ?? 0) <= options.maxReplyBytes) return;
        progress.tooLarge = true;
        stop.abort();
      });
      const response = await pending;
      const { statusCode: status, headers } = response;
      return { status, headers, text: response.body as string };
    } finally {
      clearTimeout(deadline);
      signal?.removeEventListener('abort', abort);
    }
  }

  function failed(
    { action, url, redact }: Outgoing,
    progress: Progress,
    failure: { code: TransportCode; detail: string; retryAfterMs?: number | undefined },
    cause?: Error,
  ): VodTransportError {
    return transportError(action, {
      code: failure.code,
      retryAfterMs: failure.retryAfterMs,
      detail: redact(`${failure.detail}; endpoint ${url.host}`),
      outcomeUnknown: progress.sent,
      ...(cause === undefined ? {} : { cause }),
    });
  }

  return {
    async send(request) {
      const progress: Progress = { sent: false, tooLarge: false, overdue: false };
      let reply: Awaited<ReturnType<typeof receive>>;
      try {
        reply = await receive(request, progress);
      } catch (error) {
        const failure = failureOf(error, progress, request.signal?.aborted ?? false);
        throw failed(request, progress, failure, cleanCause(error, request.redact));
      }
      if (reply.status < 200 || reply.status > 299) {
        throw failed(request, progress, statusFailure(reply.status, reply.headers, Date.now()));
      }
      return { text: reply.text, dateMs: httpDateMs(reply.headers.date) };
    },
    close() {
      for (const agent of [agents.http, agents.https]) {
        // Sockets still in use end with their request instead of becoming idle ones.
        Object.assign(agent, { keepAlive: false });
        for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy();
      }
    },
  };
}

/**
 * A body that is written as it is. Of one that it can look into got makes a copy to compare it with, and writes it by
 * 64 KiB.
 */
class OnePiece implements Iterable<Uint8Array> {
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  *[Symbol.iterator](): Generator<Uint8Array> {
    yield this.#bytes;
  }
}
