import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/** Names the form of a sealed text; a change of what follows needs another one. */
const VERSION = '1';
const CIPHER = 'aes-256-gcm';
/** Names the use of the key and its version, so that no other use of the SecretKey gets the same key. */
const SALT = 'vod-upload-worker';
const INFO = 'session of an upload, version 1';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

function keyOf(secretKey: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secretKey, SALT, INFO, KEY_BYTES));
}

/**
 * Encrypts what only workers of this account may read, such as a session with its credentials.
 * @param uploadId the only upload for which {@link openSealed} returns the text
 */
export function seal(secretKey: string, uploadId: string, plaintext: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, keyOf(secretKey), nonce).setAAD(Buffer.from(uploadId));
  const encrypted = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
  return `${VERSION}.${Buffer.concat([nonce, encrypted, cipher.getAuthTag()]).toString('base64url')}`;
}

/** @returns undefined if the key or the upload is another one, or the text was changed, cut, or never sealed */
export function openSealed(secretKey: string, uploadId: string, sealed: string): string | undefined {
  const [version, content = '', ...rest] = sealed.split('.');
  const bytes = Buffer.from(content, 'base64url');
  // Other texts would decode to the same bytes.
  const isCanonical = bytes.toString('base64url') === content;
  if (version !== VERSION || rest.length > 0 || !isCanonical || bytes.length < NONCE_BYTES + TAG_BYTES) {
    return undefined;
  }
  const tagAt = bytes.length - TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, keyOf(secretKey), bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
    .setAAD(Buffer.from(uploadId))
    .setAuthTag(bytes.subarray(tagAt));
  try {
    const plain = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, tagAt)), decipher.final()]);
    return plain.toString('utf8');
  } catch {
    return undefined;
  }
}
