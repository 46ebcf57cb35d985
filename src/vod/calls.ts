import { createSlots } from '../base/slots.ts';
import { parseEndpoint } from './http/endpoint.ts';
import { createHttpClient } from './http/http-client.ts';
import type { Throttle } from './http/throttle.ts';
import { DEFAULT_TIMEOUTS, type VodTimeouts } from './http/timeouts.ts';
import { transportError } from './wire/classify.ts';
import { commonParams, type VodCredentials } from './wire/params.ts';
import type { SignatureMethod, VodAction } from './wire/protocol.ts';
import { createRedactor, type Redact } from './wire/redact.ts';
import type { Reply } from './wire/reply.ts';
import { encodeQuery, type Params, sign } from './wire/sign.ts';
import { type TransportCode, transportMeaning } from './wire/transport-codes.ts';
import { VodError, VodTransportError } from './wire/vod-error.ts';

/** One finished request, for metrics. */
export interface VodObservation {
  /** `check`: a request that only checked the key. */
  readonly action: VodAction | 'check';
  readonly result: 'ok' | 'vod_error' | 'http_error' | 'network';
  /** Of the error; undefined if ok. */
  readonly code?: string;
  /** Of the error; undefined if ok. */
  readonly retryable?: boolean;
  /** From the request to the end of the reply, in ms; without the time that the call waited for a free connection. */
  readonly durationMs: number;
}

export interface VodClientOptions {
  /** For example `https://vod2.qcloud.com/v2/index.php`. */
  readonly endpoint: string | URL;
  /** A function is called before each request, so that credentials can change. */
  readonly credentials: VodCredentials | (() => VodCredentials | Promise<VodCredentials>);
  /** Default `gz`. */
  readonly region?: string;
  /** Default HmacSHA1. */
  readonly signatureMethod?: SignatureMethod;
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

/** A call: its parameters in addition to the common ones, and the parser of its reply. */
export interface Call<T> {
  readonly action: VodAction;
  readonly params: Params;
  readonly body?: Uint8Array;
  /** The action in observations; default `action`. */
  readonly observedAs?: 'check';
  readonly parse: (reply: Reply) => T;
}

/** Makes calls to VOD: waits for a free connection, gets the credentials, signs, sends one request, parses its reply. */
export interface Calls {
  /**
   * Sends at most one request and never repeats it.
   * Rejects with VodError (the service refused) or VodTransportError (no answer; code ABORTED when `signal` aborted).
   */
  run<T>(call: Call<T>, signal?: AbortSignal): Promise<T>;
  /** Closes idle sockets. Calls in flight continue; later calls open new sockets. */
  close(): void;
}

/** Calls to one endpoint with one account. Throws UploaderError (INVALID_ENDPOINT). */
export function createCalls(options: VodClientOptions): Calls {
  const endpoint = parseEndpoint(options.endpoint);
  const { region = 'gz', signatureMethod = 'HmacSHA1', clock = Date.now, connections = 64 } = options;
  const http = createHttpClient({
    connections,
    timeouts: { ...DEFAULT_TIMEOUTS, ...options.timeouts },
    throttle: options.throttle,
    maxReplyBytes: options.maxReplyBytes ?? 32 * 1024 * 1024,
    proxyEnv: options.proxyEnv,
  });
  const slots = createSlots(connections);

  function observe(call: Call<unknown>, startedAt: number, error?: unknown): void {
    const durationMs = performance.now() - startedAt;
    const action = call.observedAs ?? call.action;
    try {
      options.onRequest?.({ action, durationMs, ...outcomeOf(error) });
    } catch {
      // An observer must not break a call.
    }
  }

  async function credentialsFor(action: VodAction): Promise<VodCredentials> {
    if (typeof options.credentials !== 'function') return options.credentials;
    try {
      return await options.credentials();
    } catch (error) {
      // Only the name: the message may contain a secret.
      const name = error instanceof Error ? error.name : typeof error;
      const detail = `the credentials function failed (${name})`;
      throw transportError(action, { code: 'CREDENTIALS', outcomeUnknown: false, detail });
    }
  }

  /** Signs right before sending: Timestamp and Nonce are valid for one request only. */
  function signed(
    call: Call<unknown>,
    { secretId, secretKey }: VodCredentials,
  ): { url: URL; redact: Redact } {
    const nowMs = clock();
    const params = {
      ...call.params,
      ...commonParams(call.action, secretId, { region, signatureMethod, nowMs }),
    };
    const method = call.body === undefined ? 'GET' : 'POST';
    const target = { method, host: endpoint.hostname, path: endpoint.pathname } as const;
    const signature = sign(target, params, secretKey, signatureMethod);
    const url = new URL(endpoint);
    url.search = encodeQuery({ ...params, Signature: signature });
    return { url, redact: createRedactor([secretKey, secretId, signature]) };
  }

  async function request<T>(call: Call<T>, signal: AbortSignal | undefined): Promise<T> {
    const { action, body } = call;
    const { url, redact } = signed(call, await credentialsFor(action));
    const startedAt = performance.now();
    try {
      const { text, dateMs } = await http.send({
        action,
        url,
        body,
        redact,
        signal,
      });
      const aheadMs = dateMs === undefined ? undefined : clock() - dateMs;
      const result = call.parse({ action, text, redact, aheadMs });
      observe(call, startedAt);
      return result;
    } catch (error) {
      observe(call, startedAt, error);
      throw error;
    }
  }

  async function run<T>(call: Call<T>, signal?: AbortSignal): Promise<T> {
    let release: () => void;
    try {
      release = await slots.acquire(signal);
    } catch {
      throw transportError(call.action, { code: 'ABORTED', outcomeUnknown: false });
    }
    try {
      return await request(call, signal);
    } finally {
      release();
    }
  }

  return { run, close: () => http.close() };
}
