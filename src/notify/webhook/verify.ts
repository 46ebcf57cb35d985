import { UploaderError } from '../../base/errors.ts';
import { type WebhookPayload, webhookPayload } from '../../queue/jobs/webhook-payload.ts';
import { isSigned, parseSecret, SECRET_RULE } from './signature.ts';

/** What a server has received. */
export interface ReceivedWebhook {
  /** As Node has them, or a `Headers`; names in any case. */
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>;
  /** As it came: not parsed and written again, which may change it. */
  readonly body: string | Uint8Array;
  /** The valid ones, as in WEBHOOK_SECRETS; while one is replaced by another, both. */
  readonly secrets: readonly string[];
  /** How far its time may be from now, either way: a finite number from 0; default 300. */
  readonly toleranceSeconds?: number;
}

/** A webhook that is not to be believed. `code` says why: `HEADER_MISSING`, `TIMESTAMP`, `SIGNATURE` or `PAYLOAD`. */
export class WebhookVerificationError extends UploaderError {}

const TOLERANCE_SECONDS = 300;

/**
 * Reads a webhook that was sent by a worker of this project, and by nobody else. It may come more than once: whoever
 * remembers its `id` deals with it once.
 * @throws {WebhookVerificationError} when it lacks a header, is too old or of the future, has no valid signature, or is
 *   no event
 * @throws {UploaderError} when the call itself is wrong: `WEBHOOK_SECRET`, when a secret is none, `WEBHOOK_TOLERANCE`, when
 *   `toleranceSeconds` is not a finite number from 0
 */
export function verifyWebhook({
  headers,
  body,
  secrets,
  toleranceSeconds: tolerance = TOLERANCE_SECONDS,
}: ReceivedWebhook): WebhookPayload {
  const keys = secrets.map((secret) => {
    const key = parseSecret(secret);
    if (key === undefined) throw new UploaderError('WEBHOOK_SECRET', `a secret must be ${SECRET_RULE}`);
    return key;
  });
  if (keys.length === 0) throw new UploaderError('WEBHOOK_SECRET', 'there must be at least one secret');
  // Of NaN, `Number(process.env.UNSET)` for instance, no age would be too great.
  if (!Number.isFinite(tolerance) || tolerance < 0) {
    throw new UploaderError(
      'WEBHOOK_TOLERANCE',
      `toleranceSeconds must be a finite number of seconds from 0, and is ${String(tolerance)}`,
    );
  }
  const header = (name: string): string => {
    const value = headerOf(headers, name);
    if (value === undefined) {
      throw new WebhookVerificationError('HEADER_MISSING', `the webhook has no header ${name}`);
    }
    return value;
  };
  const id = header('webhook-id');
  const signatures = header('webhook-signature');
  const timestamp = secondsOf(header('webhook-timestamp'));
  const differs = Math.round(Date.now() / 1000) - timestamp;
  if (Math.abs(differs) > tolerance) {
    throw new WebhookVerificationError(
      'TIMESTAMP',
      `the webhook's time differs from now by ${differs} s; ${tolerance} s are allowed`,
    );
  }
  if (!isSigned({ id, timestamp, body }, signatures, keys)) {
    throw new WebhookVerificationError('SIGNATURE', 'no signature of the webhook is one of these secrets');
  }
  return payloadOf(body);
}

function headerOf(headers: ReceivedWebhook['headers'], name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  return typeof found === 'object' ? found[0] : found;
}

/** Written in one way only, since it is signed as it is written. */
function secondsOf(text: string): number {
  if (/^(0|[1-9]\d{0,14})$/.test(text)) return Number(text);
  throw new WebhookVerificationError('TIMESTAMP', 'the header webhook-timestamp is not a number of seconds');
}

function payloadOf(body: string | Uint8Array): WebhookPayload {
  try {
    const text = typeof body === 'string' ? body : new TextDecoder('utf-8', { fatal: true }).decode(body);
    return webhookPayload.parse(JSON.parse(text));
  } catch (error) {
    throw new WebhookVerificationError('PAYLOAD', 'the webhook is signed, but is no event of an upload', {
      cause: error,
    });
  }
}
