import http from 'node:http';
import https from 'node:https';
import got, { type Response } from 'got';
import { defined } from '../../base/defined.ts';
import { httpDateMs } from '../../base/retry-after.ts';
import { transportError } from '../wire/classify.ts';
import type { VodAction } from '../wire/protocol.ts';
import type { Redact } from '../wire/redact.ts';
import { bodyPieces, LARGE_PIECE_BYTES, PIECE_BYTES } from './body-pieces.ts';
import { cleanCause, failureOf, type HttpFailure, statusFailure } from './http-failure.ts';
import { RequestDeadline } from './request-deadline.ts';
import { BodyReader, type StreamedBody } from './streamed-body.ts';
import type { Throttle } from './throttle.ts';
import { phaseTimeouts, type VodTimeouts } from './timeouts.ts';
import { TransferStats } from './transfer-stats.ts';

export interface HttpRequest {
  readonly action: VodAction;
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** May have a signed query. */
  readonly url: URL;
  /** By name in lower case; without `content-length`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes are sent without a copy. POST and PUT have a body, which can be empty. */
  readonly body?: Uint8Array | StreamedBody | undefined;
  readonly signal: AbortSignal | undefined;
  /** For all texts of this request that end up in an error. */
  readonly redact: Redact;
  /** Whether a reply of this status is an answer, although the status is not 2xx. Default: none is. */
  readonly isAnswer?: (status: number) => boolean;
  /** From the first byte of the reply to the last, in ms. Default: `responseMs` of the time-outs. */
  readonly readMs?: number;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  /** The header Date, in ms since 1970; whole seconds. */
  readonly dateMs: number | undefined;
}

/** Sends each request once and returns the reply. Knows HTTP, but no codes of the service. */
export interface HttpClient {
  /** Throws VodTransportError, or what a streamed body threw. */
  send(request: HttpRequest): Promise<HttpReply>;
  /** Closes idle sockets; requests in flight continue. */
  close(): void;
}

export interface HttpClientOptions {
  readonly connections: number;
  readonly timeouts: VodTimeouts;
  readonly maxReplyBytes: number;
  /** Limits the bandwidth of all bodies together. */
  readonly throttle?: Throttle | undefined;
  readonly proxyEnv?: Readonly<Record<string, string | undefined>> | undefined;
}

/** Shorter than what usual servers and balancers allow: they might close an idle socket just as a request is sent. */
const IDLE_SOCKET_MS = 15_000;

export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { timeouts, throttle, maxReplyBytes } = options;
  const agents = createAgents(options);
  const stats = new TransferStats();
  const client = got.extend({
    agent: agents,
    retry: { limit: 0 },
    followRedirect: false,
    throwHttpErrors: false,
    responseType: 'text',
    headers: { 'user-agent': 'vod-upload-worker', accept: 'application/json' },
  });

  /** @param stop ends the request; this function aborts it when the reply is too large */
  async function receive(
    { method, url, headers, body, signal: caller, readMs }: HttpRequest,
    reader: BodyReader | undefined,
    deadline: RequestDeadline,
    stop: AbortController,
  ): Promise<Response<string>> {
    const signal = caller === undefined ? stop.signal : AbortSignal.any([stop.signal, caller]);
    const usualPieceBytes = stats.isFast ? LARGE_PIECE_BYTES : PIECE_BYTES;
    const bytes = body instanceof Uint8Array ? body : reader?.read(signal);
    const pending = client<string>(url, {
      method,
      timeout: { ...phaseTimeouts(timeouts, body !== undefined), ...defined({ read: readMs }) },
      signal,
      headers: { ...headers, ...(body && { 'content-length': String(body.byteLength) }) },
      ...(bytes && {
        body: bodyPieces(
          bytes,
          () => (throttle?.isLimited ? PIECE_BYTES : usualPieceBytes),
          deadline,
          (length) => (throttle?.isLimited ? throttle.take(length, signal) : undefined),
        ),
      }),
    });
    pending.on('request', (request: http.ClientRequest) => trackRequest(request, deadline));
    // Got has no limit of its own. `transferred` counts decompressed bytes. Content-Length of HEAD is that of the object.
    pending.on('downloadProgress', ({ transferred, total = 0 }) => {
      if (method === 'HEAD' || Math.max(transferred, total) <= maxReplyBytes) return;
      abort(stop, { code: 'REPLY_TOO_LARGE', detail: 'the reply is larger than allowed' });
    });
    return await pending;
  }

  return {
    async send(request) {
      const { action, url, body, redact, signal: caller, isAnswer } = request;
      const stop = new AbortController();
      const reader = body === undefined || body instanceof Uint8Array ? undefined : new BodyReader(body);
      const deadline = new RequestDeadline({
        timeouts,
        bodyBytes: body?.byteLength,
        stats,
        // Got's own time-outs can't end a request that has no socket yet, as when a proxy opens no tunnel.
        onTimeout: (step) => abort(stop, { code: 'TIMEOUT', detail: `${step} took too long` }),
      });
      const errorOf = ({ code, detail, retryAfterMs }: HttpFailure, cause?: Error) => {
        const congested = code === 'TIMEOUT' && deadline.congested;
        return transportError(action, {
          code,
          retryAfterMs,
          congested,
          outcomeUnknown: deadline.isConnected,
          detail: redact(`${detail}${congested ? ', although data was moving' : ''}; endpoint ${url.host}`),
          cause,
        });
      };
      let reply: Response<string>;
      try {
        reply = await receive(request, reader, deadline, stop);
      } catch (error) {
        if (reader?.failure !== undefined) throw reader.failure.error;
        throw errorOf(failureOf(error, stop.signal, caller), cleanCause(error, redact));
      } finally {
        deadline.end();
        // An answer can come early; the rest of the body is not read then, and the connection can't be used again.
        if (reader?.isComplete === false) abort(stop, { code: 'ABORTED', detail: 'the request has ended' });
      }
      const { statusCode: status, headers } = reply;
      if ((status < 200 || status > 299) && isAnswer?.(status) !== true) {
        throw errorOf(statusFailure(status, headers, Date.now()));
      }
      deadline.replied();
      return { status, headers, text: reply.body, dateMs: httpDateMs(headers.date) };
    },
    close() {
      for (const agent of [agents.http, agents.https]) {
        // Sockets in use are then closed after their request. `agent.destroy()` would end those requests.
        Object.assign(agent, { keepAlive: false });
        for (const socket of Object.values(agent.freeSockets).flat()) socket?.destroy();
      }
    },
  };
}

/** Ends a request; {@link failureOf} then returns this failure. */
function abort(stop: AbortController, failure: HttpFailure): void {
  stop.abort(failure);
}

function trackRequest(request: http.ClientRequest, deadline: RequestDeadline): void {
  request.once('socket', (socket) => {
    const event = request.protocol === 'https:' ? 'secureConnect' : 'connect';
    // A kept socket is connected already.
    if (socket.connecting) socket.once(event, () => deadline.connected());
    else deadline.connected();
  });
  request.once('response', () => deadline.replyStarted());
}

function createAgents({ connections, proxyEnv }: HttpClientOptions): {
  http: http.Agent;
  https: https.Agent;
} {
  const options = {
    keepAlive: true,
    maxSockets: connections,
    maxFreeSockets: connections,
    timeout: IDLE_SOCKET_MS,
    ...defined({ proxyEnv: proxyEnv && { ...proxyEnv } }),
  };
  return { http: new http.Agent(options), https: new https.Agent(options) };
}
