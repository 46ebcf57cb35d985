import { parseEndpoint } from './http/endpoint.ts';
import { createRequests, type Exchange, type RequestOptions } from './requests.ts';
import { transportError } from './wire/classify.ts';
import { commonParams, type VodCredentials } from './wire/params.ts';
import type { SignatureMethod, V2Action, VodAction } from './wire/protocol.ts';
import { createRedactor } from './wire/redact.ts';
import type { Reply } from './wire/reply.ts';
import { encodeQuery, type Params, sign } from './wire/sign.ts';

/** The key of an account. A function is called before each request, so that credentials can change. */
export type CredentialsSource = VodCredentials | (() => VodCredentials | Promise<VodCredentials>);

export interface VodClientOptions extends RequestOptions {
  /** For example `https://vod2.qcloud.com/v2/index.php`. */
  readonly endpoint: string | URL;
  readonly credentials: CredentialsSource;
  /** Default `gz`. */
  readonly region?: string;
  /** Default HmacSHA1. */
  readonly signatureMethod?: SignatureMethod;
}

/** A call: its parameters in addition to the common ones, and the parser of its reply. */
export interface Call<T> {
  readonly action: V2Action;
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

/** Rejects with VodTransportError (CREDENTIALS) if the function fails. */
export async function readCredentials(source: CredentialsSource, action: VodAction): Promise<VodCredentials> {
  if (typeof source !== 'function') return source;
  try {
    return await source();
  } catch (error) {
    // Only the name: the message may contain a secret.
    const name = error instanceof Error ? error.name : typeof error;
    const detail = `the credentials function failed (${name})`;
    throw transportError(action, { code: 'CREDENTIALS', outcomeUnknown: false, detail });
  }
}

/** Calls to one endpoint with one account. Throws UploaderError (INVALID_ENDPOINT). */
export function createCalls(options: VodClientOptions): Calls {
  const endpoint = parseEndpoint(options.endpoint);
  const { credentials, region = 'gz', signatureMethod = 'HmacSHA1', clock = Date.now } = options;
  const requests = createRequests(options);

  /** Signs right before sending: Timestamp and Nonce are valid for one request only. */
  async function exchange<T>(call: Call<T>): Promise<Exchange<T>> {
    const { action, body, parse } = call;
    const { secretId, secretKey } = await readCredentials(credentials, action);
    const nowMs = clock();
    const params = { ...call.params, ...commonParams(action, secretId, { region, signatureMethod, nowMs }) };
    const method = body === undefined ? 'GET' : 'POST';
    const target = { method, host: endpoint.hostname, path: endpoint.pathname } as const;
    const signature = sign(target, params, secretKey, signatureMethod);
    const url = new URL(endpoint);
    url.search = encodeQuery({ ...params, Signature: signature });
    const redact = createRedactor([secretKey, secretId, signature]);
    return {
      request: {
        ...{ method, url, body, redact },
        headers: body === undefined ? {} : { 'content-type': 'application/octet-stream' },
      },
      parse: ({ text, dateMs }) => {
        const aheadMs = dateMs === undefined ? undefined : clock() - dateMs;
        return parse({ action, text, redact, aheadMs });
      },
    };
  }

  return {
    run: (call, signal) => requests.run(call.action, () => exchange(call), signal, call.observedAs),
    close: () => requests.close(),
  };
}
