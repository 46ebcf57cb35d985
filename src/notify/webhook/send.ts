import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { retryAfterMs } from '../../base/retry-after.ts';
import type { SentPayload } from '../../queue/jobs/webhook-payload.ts';
import { classifyNodeCode } from '../../vod/wire/transport-codes.ts';
import { type PrivateAddressError, publicLookup } from './address.ts';
import { WebhookError } from './errors.ts';
import { sign } from './signature.ts';
import { receiverProblem } from './url.ts';

/*
 * Uses node:http and not fetch: only its `lookup` option checks the address that is connected to, and its agents limit
 * the connections per receiver.
 */

const TIMEOUT_MS = 10_000;
/** The reply is read up to this size so that its connection can be reused, and then ignored. */
const MAX_REPLY_BYTES = 64 * 1024;
const IDLE_SOCKET_MS = 15_000;
/** Node's error codes for a request that can't be written; retrying does not help. */
const UNWRITABLE: ReadonlySet<string> = new Set(['ERR_INVALID_CHAR', 'ERR_UNESCAPED_CHARACTERS']);
/** Limit for the delay that a receiver asks for. */
const MAX_RETRY_AFTER_MS = 3_600_000;

export interface WebhookSenderOptions {
  /** Maximum number of connections per receiver. */
  readonly connections: number;
  /** Each webhook gets one signature per secret; see {@link sign}. */
  readonly secrets: readonly Buffer[];
  /** Whether URLs may use http and private addresses. */
  readonly allowPrivate: boolean;
  /** The proxy variables of the environment, such as `https_proxy`. */
  readonly proxyEnv: Readonly<Record<string, string>>;
  /** From the DNS lookup to the headers of the reply. Default: 10,000 ms. */
  readonly timeoutMs?: number;
}

/** Delivers webhooks, one request each. */
export interface WebhookSender {
  /** @throws {WebhookError} unless the receiver answers with a 2xx status */
  send(url: string, payload: SentPayload, signal: AbortSignal): Promise<void>;
  close(): void;
}

export function createWebhookSender(options: WebhookSenderOptions): WebhookSender {
  const { allowPrivate, secrets, timeoutMs = TIMEOUT_MS } = options;
  const agentOptions = {
    keepAlive: true,
    maxSockets: options.connections,
    timeout: IDLE_SOCKET_MS,
    proxyEnv: { ...options.proxyEnv },
  };
  const agents = { 'http:': new http.Agent(agentOptions), 'https:': new https.Agent(agentOptions) };

  async function post(url: URL, payload: SentPayload, signal: AbortSignal): Promise<http.IncomingMessage> {
    const body = JSON.stringify(payload);
    const isEncrypted = url.protocol === 'https:';
    const request = (isEncrypted ? https : http).request(url, {
      method: 'POST',
      agent: agents[isEncrypted ? 'https:' : 'http:'],
      signal,
      headers: signedHeaders(payload.id, body, secrets),
      ...(!allowPrivate && { lookup: publicLookup(url.hostname) }),
    });
    request.end(body);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    return response;
  }

  return {
    async send(text, payload, signal) {
      requireSecrets(secrets);
      const url = checkedUrl(text, allowPrivate);
      const deadline = AbortSignal.timeout(timeoutMs);
      let response: http.IncomingMessage;
      try {
        response = await post(url, payload, AbortSignal.any([signal, deadline]));
      } catch (error) {
        signal.throwIfAborted();
        throw deadline.aborted ? timeoutError(url.origin, timeoutMs) : requestError(url.origin, error);
      }
      discardBody(response);
      const error = statusError(url.origin, response);
      if (error !== undefined) throw error;
    },
    close() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

function signedHeaders(id: string, body: string, secrets: readonly Buffer[]): http.OutgoingHttpHeaders {
  const timestamp = Math.floor(Date.now() / 1000);
  return {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'user-agent': 'vod-upload-worker',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': sign({ id, timestamp, body }, secrets),
  };
}

function requireSecrets(secrets: readonly Buffer[]): void {
  if (secrets.length > 0) return;
  const text = 'WEBHOOK_SECRETS is not set; webhooks are never sent unsigned';
  throw new WebhookError('WEBHOOK_UNSIGNED', text, { retryable: true });
}

/**
 * Checks the URL again, because anyone with access to Redis may have written it. Behind a proxy, which resolves the name
 * itself, this is the only check.
 */
function checkedUrl(text: string, allowPrivate: boolean): URL {
  const problem = receiverProblem(text, allowPrivate);
  if (problem === undefined) return new URL(text);
  throw new WebhookError('WEBHOOK_URL', `the webhook's URL ${problem}`, { retryable: false });
}

/** Reads a reply to its end, up to {@link MAX_REPLY_BYTES}. */
function discardBody(response: http.IncomingMessage): void {
  let bytes = 0;
  response.on('error', () => {});
  response.on('data', (data: Buffer) => {
    bytes += data.length;
    if (bytes > MAX_REPLY_BYTES) response.destroy();
  });
}

function timeoutError(origin: string, timeoutMs: number): WebhookError {
  const text = `${origin} did not answer within ${timeoutMs / 1000} s`;
  return new WebhookError('WEBHOOK_TIMEOUT', text, { retryable: true });
}

function requestError(origin: string, error: unknown): WebhookError {
  const { code } = error as NodeJS.ErrnoException | PrivateAddressError;
  if (code === 'PRIVATE_ADDRESS') {
    const text = `${origin} has no public address; WEBHOOK_ALLOW_PRIVATE=1 allows others`;
    return new WebhookError('WEBHOOK_PRIVATE_ADDRESS', text, { retryable: false });
  }
  if (code !== undefined && UNWRITABLE.has(code)) {
    const text = `${origin}: the webhook can't be written as an HTTP request`;
    return new WebhookError('WEBHOOK_UNWRITABLE', text, { retryable: false });
  }
  const failure = classifyNodeCode(code);
  return new WebhookError(`WEBHOOK_${failure.code}`, `${origin}: ${failure.description}`, {
    retryable: true,
  });
}

/** @returns undefined for a 2xx status */
function statusError(
  origin: string,
  { statusCode = 0, headers }: http.IncomingMessage,
): WebhookError | undefined {
  if (statusCode >= 200 && statusCode <= 299) return undefined;
  const text = `${origin} answered ${statusCode}`;
  if (statusCode === 410) {
    const reason = `${text} (Gone): the receiver no longer accepts these webhooks`;
    return new WebhookError('WEBHOOK_GONE', reason, { retryable: false });
  }
  if (statusCode >= 300 && statusCode <= 399) {
    const reason = `${text}, a redirect, which is never followed`;
    return new WebhookError('WEBHOOK_REDIRECT', reason, { retryable: true });
  }
  return new WebhookError(`WEBHOOK_HTTP_${statusCode}`, text, {
    retryable: true,
    retryAfterMs: retryAfterMs(headers, { nowMs: Date.now(), maxMs: MAX_RETRY_AFTER_MS }),
  });
}
