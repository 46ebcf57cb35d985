import { createHmac, timingSafeEqual } from 'node:crypto';

/*
 * Signatures of Standard Webhooks (https://www.standardwebhooks.com), version 1: HMAC-SHA256 over `id.timestamp.body`,
 * as `v1,<base64>`; a webhook carries one for each secret that is valid, with spaces between them.
 */

const PREFIX = 'whsec_';
/** Bytes, by the standard. */
const SECRET_BYTES = { min: 24, max: 64 };

/** The bytes of a secret such as `whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw`; undefined when it is none. */
export function parseSecret(secret: string): Buffer | undefined {
  const text = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : '';
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length >= SECRET_BYTES.min && bytes.length <= SECRET_BYTES.max ? bytes : undefined;
}

/** What a secret must be; for errors, which must not repeat it. */
export const SECRET_RULE = `whsec_ and, in base64, ${SECRET_BYTES.min} to ${SECRET_BYTES.max} random bytes`;

export interface Signed {
  readonly id: string;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly body: string | Uint8Array;
}

/** One signature for each secret, the first first. */
export function sign({ id, timestamp, body }: Signed, secrets: readonly Buffer[]): string {
  return secrets
    .map((secret) => {
      const hmac = createHmac('sha256', secret).update(`${id}.${timestamp}.`).update(body);
      return `v1,${hmac.digest('base64')}`;
    })
    .join(' ');
}

/** Whether one of the signatures is that of one of the secrets; takes as long for those that are nearly so. */
export function isSigned(signed: Signed, signatures: string, secrets: readonly Buffer[]): boolean {
  const given = signatures.split(' ').map((signature) => Buffer.from(signature));
  const expected = sign(signed, secrets)
    .split(' ')
    .map((signature) => Buffer.from(signature));
  return expected.some((own) => given.some((one) => one.length === own.length && timingSafeEqual(one, own)));
}
