import { createHmac, timingSafeEqual } from 'node:crypto';

/*
 * Signatures of Standard Webhooks (https://www.standardwebhooks.com), version 1: HMAC-SHA256 over `id.timestamp.body`,
 * as `v1,<base64>`. A webhook has one signature per valid secret, separated by spaces.
 */

const PREFIX = 'whsec_';
/** Set by the standard. */
const SECRET_BYTES = { min: 24, max: 64 };

/** The bytes of a secret such as `whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw`; undefined when it is invalid. */
export function parseSecret(secret: string): Buffer | undefined {
  const text = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : '';
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length >= SECRET_BYTES.min && bytes.length <= SECRET_BYTES.max ? bytes : undefined;
}

/** The format of a secret, for error messages, which must not contain the secret. */
export const SECRET_RULE = `whsec_ followed by ${SECRET_BYTES.min} to ${SECRET_BYTES.max} random bytes in base64`;

export interface Signed {
  readonly id: string;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly body: string | Uint8Array;
}

/** One signature per secret, in the same order. */
export function sign({ id, timestamp, body }: Signed, secrets: readonly Buffer[]): string {
  return secrets
    .map((secret) => {
      const hmac = createHmac('sha256', secret).update(`${id}.${timestamp}.`).update(body);
      return `v1,${hmac.digest('base64')}`;
    })
    .join(' ');
}

/** Whether any of the signatures was made with any of the secrets. Compares in constant time. */
export function isSigned(signed: Signed, signatures: string, secrets: readonly Buffer[]): boolean {
  const given = signatures.split(' ').map((signature) => Buffer.from(signature));
  const expected = sign(signed, secrets)
    .split(' ')
    .map((signature) => Buffer.from(signature));
  return expected.some((own) => given.some((one) => one.length === own.length && timingSafeEqual(one, own)));
}
