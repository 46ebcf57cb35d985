import { UploaderError } from '../../base/errors.ts';
import { type WebhookPayload, webhookPayload } from '../../queue/jobs/webhook-payload.ts';
import { isSigned, parseSecret, SECRET_RULE } from './signature.ts';

/** A webhook as a server receives it, and the secrets to verify it with. */
export interface ReceivedWebhook {
  /** The headers as Node has them, or a `Headers` object. Names in any case. */
  readonly headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The raw body. Don't parse it and serialize it again: that may change it, and then the signature is invalid. */
  readonly body: string | Uint8Array;
  /** The valid secrets, as in WEBHOOK_SECRETS. During a rotation: the old and the new one. */
  readonly secrets: readonly string[];
  /** How far the webhook's timestamp may be in the past or the future: a finite number of at least 0. Default: 300. */
  readonly toleranceSeconds?: number;
}

/** A webhook is not authentic or not valid. `code` is `HEADER_MISSING`, `TIMESTAMP`, `SIGNATURE` or `PAYLOAD`. */
export class WebhookVerificationError extends UploaderError {}

const TOLERANCE_SECONDS = 300;

/**
 * Verifies that a webhook was sent by a worker with one of these secrets, and parses it. A webhook can arrive more than
 * once: remember the `id` of processed webhooks to process each event once.
 * @throws {WebhookVerificationError} when a header is missing, the timestamp is outside the tolerance, no signature is
 *   valid, or the body is not an event
 * @throws {UploaderError} when the arguments are invalid: `WEBHOOK_SECRET` when a secret is invalid or there is none,
 *   `WEBHOOK_TOLERANCE` when `toleranceSeconds` is not a finite number of at least 0
 */
export function verifyWebhook({
  headers,
  body,
  secrets,
  toleranceSeconds = TOLERANCE_SECONDS,
}: ReceivedWebhook): WebhookPayload {
  const keys = parseSecrets(secrets);
  checkTolerance(toleranceSeconds);
  const header = (name: string): string => {
    const value = headerOf(headers, name);
    if (value !== undefined) return value;
    throw new WebhookVerificationError('HEADER_MISSING', `the webhook has no header ${name}`);
  };
  const id = header('webhook-id');
  const signatures = header('webhook-signature');
  const timestamp = parseSeconds(header('webhook-timestamp'));
  const ageSeconds = Math.round(Date.now() / 1000) - timestamp;
  if (Math.abs(ageSeconds) > toleranceSeconds) {
    throw new WebhookVerificationError(
      'TIMESTAMP',
      `the webhook's timestamp differs from now by ${ageSeconds} s; ${toleranceSeconds} s are allowed`,
    );
  }
  if (!isSigned({ id, timestamp, body }, signatures, keys)) {
    throw new WebhookVerificationError('SIGNATURE', 'no signature of the webhook matches these secrets');
  }
  return parsePayload(body);
}

function parseSecrets(secrets: readonly string[]): Buffer[] {
  if (secrets.length === 0) {
    throw new UploaderError('WEBHOOK_SECRET', 'secrets must contain at least one secret');
  }
  return secrets.map((secret) => {
    const key = parseSecret(secret);
    if (key !== undefined) return key;
    throw new UploaderError('WEBHOOK_SECRET', `a secret must be ${SECRET_RULE}`);
  });
}

function checkTolerance(seconds: number): void {
  // With NaN, for example from `Number(process.env.UNSET)`, no timestamp would ever be too old.
  if (Number.isFinite(seconds) && seconds >= 0) return;
  throw new UploaderError(
    'WEBHOOK_TOLERANCE',
    `toleranceSeconds must be a finite number of at least 0, but is ${String(seconds)}`,
  );
}

function headerOf(headers: ReceivedWebhook['headers'], name: string): string | undefined {
  if (headers instanceof Headers) return headers.get(name) ?? undefined;
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  return typeof found === 'object' ? found[0] : found;
}

/** Accepts one notation per number only, because the text is signed. */
function parseSeconds(text: string): number {
  if (/^(0|[1-9]\d{0,14})$/.test(text)) return Number(text);
  throw new WebhookVerificationError('TIMESTAMP', 'the header webhook-timestamp is not a number of seconds');
}

function parsePayload(body: string | Uint8Array): WebhookPayload {
  try {
    const text = typeof body === 'string' ? body : new TextDecoder('utf-8', { fatal: true }).decode(body);
    return webhookPayload.parse(JSON.parse(text));
  } catch (error) {
    throw new WebhookVerificationError(
      'PAYLOAD',
      'the webhook is signed, but its body is not an event of an upload',
      {
        cause: error,
      },
    );
  }
}
