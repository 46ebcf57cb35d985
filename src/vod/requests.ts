import { createSlots } from '../base/slots.ts';
import { createHttpClient, type HttpReply, type HttpRequest } from './http/http-client.ts';
import type { Throttle } from './http/throttle.ts';
import { DEFAULT_TIMEOUTS, type VodTimeouts } from './http/timeouts.ts';
import { transportError } from './wire/classify.ts';
import type { VodAction } from './wire/protocol.ts';
import { type TransportCode, transportMeaning } from './wire/transport-codes.ts';
import { VodError, VodTransportError } from './wire/vod-error.ts';

/** One finished request, for metrics. */
export interface VodObservation {
  /** `check`: a request that only checked the key or the host. */
  readonly action: VodAction | 'check';
  readonly result: 'ok' | 'vod_error' | 'http_error' | 'network';
  /** Of the error; undefined if ok. */
  readonly code?: string;
  /** Of the error; undefined if ok. */
  readonly retryable?: boolean;
  /** From the request to the end of the reply, in ms; without the time that the call waited for a free connection. */
  readonly durationMs: number;
}

/** Options of every client. */
export interface RequestOptions {
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number;
  /** Maximum number of concurrent requests and sockets; further calls wait unsigned. Default 64. */
  readonly connections?: number;
  readonly timeouts?: Partial<VodTimeouts>;
  /** Limits the bandwidth of the bodies of all requests together. Default: no limit. */
  readonly throttle?: Throttle;
  /** Default 32 MiB. */
  readonly maxReplyBytes?: number;
  /** The variables `http_proxy`, `https_proxy` and `no_proxy`, in lower or upper case. Default: no proxy. */
  readonly proxyEnv?: Readonly<Record<string, string | undefined>>;
  /** Called after every request; errors that it throws are ignored. */
  readonly onRequest?: (observation: VodObservation) => void;
}

/** @param error what a call rejected with; undefined if it succeeded */
export function outcomeOf(error: unknown): Pick<VodObservation, 'result' | 'code' | 'retryable'> {
  if (!(error instanceof VodError)) return { result: 'ok' };
  const { code, retryable } = error;
  if (!(error instanceof VodTransportError)) return { result: 'vod_error', code, retryable };
  return { result: transportMeaning(code as TransportCode).result, code, retryable };
}

/** A signed request, and the parser of its reply. */
export interface Exchange<T> {
  readonly request: Omit<HttpRequest, 'action' | 'signal'>;
  readonly parse: (reply: HttpReply) => T;
}

export interface Requests {
  /**
   * Waits for a free connection, then sends at most one request and never repeats it.
   * Rejects with VodError (the service refused), VodTransportError (no answer; code ABORTED when `signal` aborted), or what
   * a streamed body threw.
   * @param prepare signs right before sending
   * @param observedAs the action in observations
   */
  run<T>(
    action: VodAction,
    prepare: () => Exchange<T> | Promise<Exchange<T>>,
    signal: AbortSignal | undefined,
    observedAs?: VodObservation['action'],
  ): Promise<T>;
  /** Closes idle sockets. Calls in flight continue; later calls open new sockets. */
  close(): void;
}

export function createRequests(options: RequestOptions): Requests {
  const { connections = 64 } = options;
  const http = createHttpClient({
    connections,
    timeouts: { ...DEFAULT_TIMEOUTS, ...options.timeouts },
    throttle: options.throttle,
    maxReplyBytes: options.maxReplyBytes ?? 32 * 1024 * 1024,
    proxyEnv: options.proxyEnv,
  });
  const slots = createSlots(connections);

  function observe(action: VodObservation['action'], startedAt: number, error?: unknown): void {
    const durationMs = performance.now() - startedAt;
    try {
      options.onRequest?.({ action, durationMs, ...outcomeOf(error) });
    } catch {
      // An observer must not break a call.
    }
  }

  return {
    async run(action, prepare, signal, observedAs = action) {
      let release: () => void;
      try {
        release = await slots.acquire(signal);
      } catch {
        throw transportError(action, { code: 'ABORTED', outcomeUnknown: false });
      }
      try {
        const { request, parse } = await prepare();
        const startedAt = performance.now();
        try {
          const result = parse(await http.send({ ...request, action, signal }));
          observe(observedAs, startedAt);
          return result;
        } catch (error) {
          // The source of a body failed: that says nothing about the service.
          if (error instanceof VodError) observe(observedAs, startedAt, error);
          throw error;
        }
      } finally {
        release();
      }
    },
    close: () => http.close(),
  };
}
