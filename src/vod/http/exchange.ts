import http from 'node:http';
import https from 'node:https';
import got, { type Got } from 'got';
import { httpDateMs } from '../../base/retry-after.ts';
import { transportError } from '../wire/classify.ts';
import type { VodAction } from '../wire/protocol.ts';
import type { Redact } from '../wire/text.ts';
import type { TransportCode } from '../wire/transport.ts';
import type { VodTransportError } from '../wire/vod-error.ts';
import { cleanCause, failureOf, type Progress, statusFailure } from './failure.ts';
import { Line } from './line.ts';
import { inPieces, inThrottledPieces, LARGE_PIECE_BYTES, PIECE_BYTES } from './pieces.ts';
import { RequestWatch } from './request-watch.ts';
import type { Throttle } from './throttle.ts';
import { phaseTimeouts, type VodTimeouts } from './timeouts.ts';

/** One signed request. */
interface Outgoing {
  readonly action: VodAction;
  /** With the signed query. */
  readonly url: URL;
  /** Sent by POST, without a copy; none: GET. */
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
  const line = new Line();
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
    { watch, stop }: { readonly watch: RequestWatch; readonly stop: AbortController },
  ): Promise<{ status: number; headers: http.IncomingHttpHeaders; text: string }> {
    const { url, body, signal } = request;
    const abort = (): void => stop.abort();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      if (signal?.aborted) stop.abort();
      const pending = client(url, {
        timeout: phaseTimeouts(options.timeouts, body !== undefined),
        signal: stop.signal,
        ...(body === undefined
          ? { method: 'GET' }
          : {
              method: 'POST',
              body:
                options.throttle === undefined
                  ? inPieces(body, line.isFast ? LARGE_PIECE_BYTES : PIECE_BYTES, watch)
                  : inThrottledPieces(body, { throttle: options.throttle, signal: stop.signal }, watch),
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
            watch.connected();
          };
          if (socket.connecting) socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', mark);
          else mark();
        });
        outgoing.once('response', () => watch.replied());
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
      watch.end();
      signal?.removeEventListener('abort', abort);
    }
  }

  function failed(
    { action, url, redact }: Outgoing,
    progress: Progress,
    failure: {
      code: TransportCode;
      detail: string;
      strained?: boolean;
      retryAfterMs?: number | undefined;
    },
    cause?: Error,
  ): VodTransportError {
    const { code, detail, strained = false } = failure;
    return transportError(action, {
      code,
      retryAfterMs: failure.retryAfterMs,
      detail: redact(`${detail}${strained ? ', while the line moved' : ''}; endpoint ${url.host}`),
      outcomeUnknown: progress.sent,
      strained,
      ...(cause === undefined ? {} : { cause }),
    });
  }

  return {
    async send(request) {
      const progress: Progress = { sent: false, tooLarge: false, overdue: undefined };
      const stop = new AbortController();
      const watch = new RequestWatch({
        timeouts: options.timeouts,
        bodyBytes: request.body?.byteLength,
        line,
        // Got's own deadline can't end a request without a socket, as behind a proxy that opens no tunnel.
        onOverdue(what) {
          progress.overdue = what;
          stop.abort();
        },
      });
      let reply: Awaited<ReturnType<typeof receive>>;
      try {
        reply = await receive(request, progress, { watch, stop });
      } catch (error) {
        const failure = failureOf(error, progress, request.signal?.aborted ?? false);
        const strained = failure.code === 'TIMEOUT' && watch.strained;
        throw failed(request, progress, { ...failure, strained }, cleanCause(error, request.redact));
      }
      if (reply.status < 200 || reply.status > 299) {
        throw failed(request, progress, statusFailure(reply.status, reply.headers, Date.now()));
      }
      watch.answered();
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
