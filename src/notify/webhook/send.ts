import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { retryAfterMs } from '../../base/retry-after.ts';
import type { SentPayload } from '../../queue/jobs/webhook-payload.ts';
import { classifyNodeCode } from '../../vod/wire/transport-codes.ts';
import { type PrivateAddressError, publicLookup } from './address.ts';
import { WebhookError } from './errors.ts';
import { sign } from './signature.ts';
import { receiverProblem, shownUrl } from './url.ts';

const TIMEOUT_MS = 10_000;
/** Nobody reads what a receiver says; up to here it is let finish, so that its connection can be used again. */
const MOST_REPLY_BYTES = 64 * 1024;
const IDLE_SOCKET_MS = 15_000;
/** What Node says of a request that it can't write, now or later. */
const UNWRITABLE: ReadonlySet<string> = new Set(['ERR_INVALID_CHAR', 'ERR_UNESCAPED_CHARACTERS']);
/** A receiver may ask for no longer pause. */
const LONGEST_RETRY_AFTER_MS = 3_600_000;

export interface WebhookSenderOptions {
  /** Of each receiver. */
  readonly connections: number;
  /** The first signs for those that know no other; see {@link sign}. */
  readonly secrets: readonly Buffer[];
  readonly allowPrivate: boolean;
  readonly proxyEnv: Readonly<Record<string, string>>;
  /** For all of a delivery, from the look-up of the name to the reply's first line; default 10,000 ms. */
  readonly timeoutMs?: number;
}

/** Delivers webhooks, each by one request; knows HTTP and no queue. */
export interface WebhookSender {
  /** @throws {WebhookError} unless the receiver has taken it, which a status of 2xx says */
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

  /** Whoever can write to Redis gains nothing; and behind a proxy, which resolves names, this is all that can be checked. */
  function checked(text: string): URL {
    const problem = receiverProblem(text, allowPrivate);
    if (problem === undefined) return new URL(text);
    throw new WebhookError('WEBHOOK_URL', `its URL ${problem}`, { retryable: false });
  }

  async function post(url: URL, payload: SentPayload, signal: AbortSignal): Promise<http.IncomingMessage> {
    const body = JSON.stringify(payload);
    const signed = { id: payload.id, timestamp: Math.floor(Date.now() / 1000), body };
    const isEncrypted = url.protocol === 'https:';
    const request = (isEncrypted ? https : http).request(url, {
      method: 'POST',
      agent: agents[isEncrypted ? 'https:' : 'http:'],
      signal,
      headers: {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        'user-agent': 'vod-upload-worker',
        'webhook-id': signed.id,
        'webhook-timestamp': String(signed.timestamp),
        'webhook-signature': sign(signed, secrets),
      },
      ...(!allowPrivate && { lookup: publicLookup(url.hostname) }),
    });
    request.end(body);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    return response;
  }

  return {
    async send(text, payload, signal) {
      if (secrets.length === 0) {
        throw new WebhookError(
          'WEBHOOK_UNSIGNED',
          'WEBHOOK_SECRETS is not set, and nothing is sent unsigned',
          {
            retryable: true,
          },
        );
      }
      const url = checked(text);
      const deadline = AbortSignal.timeout(timeoutMs);
      let response: http.IncomingMessage;
      try {
        response = await post(url, payload, AbortSignal.any([signal, deadline]));
      } catch (error) {
        signal.throwIfAborted();
        throw deadline.aborted ? late(shownUrl(text), timeoutMs) : unanswered(shownUrl(text), error);
      }
      leave(response);
      const failure = refusal(shownUrl(text), response);
      if (failure !== undefined) throw failure;
    },
    close() {
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

/** Lets a reply end, if it does so soon. */
function leave(response: http.IncomingMessage): void {
  let bytes = 0;
  response.on('error', () => {});
  response.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > MOST_REPLY_BYTES) response.destroy();
  });
}

function late(origin: string, timeoutMs: number): WebhookError {
  const text = `${origin} did not answer within ${timeoutMs / 1000} s`;
  return new WebhookError('WEBHOOK_TIMEOUT', text, { retryable: true });
}

function unanswered(origin: string, error: unknown): WebhookError {
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

function refusal(
  origin: string,
  { statusCode = 0, headers }: http.IncomingMessage,
): WebhookError | undefined {
  if (statusCode >= 200 && statusCode <= 299) return undefined;
  if (statusCode === 410) {
    return new WebhookError('WEBHOOK_GONE', `${origin} answered 410: it wants no more of these`, {
      retryable: false,
    });
  }
  if (statusCode >= 300 && statusCode <= 399) {
    const text = `${origin} answered ${statusCode}, a redirect, which is never followed`;
    return new WebhookError('WEBHOOK_REDIRECT', text, { retryable: true });
  }
  return new WebhookError(`WEBHOOK_HTTP_${statusCode}`, `${origin} answered ${statusCode}`, {
    retryable: true,
    retryAfterMs: retryAfterMs(headers, { nowMs: Date.now(), maxMs: LONGEST_RETRY_AFTER_MS }),
  });
}
