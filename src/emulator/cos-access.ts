/** Checks the signature and the temporary credentials of a request to COS. */

import type { CosAction } from './protocol/cos-actions.ts';
import { CosRefusal } from './protocol/cos-error.ts';
import type { CosTarget } from './protocol/cos-request.ts';
import { isSignedBy, parseQSign, type QSign } from './protocol/q-sign.ts';
import type { VodSession, VodSessions } from './state/vod-sessions.ts';

/** Beyond that a clock is called skewed. */
const SKEW_SECONDS = 900;

export interface CosHead {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * @param nowMs of the emulator's clock
 * @throws {CosRefusal} AccessDenied, ExpiredToken, InvalidAccessKeyId, NoSuchBucket, RequestTimeTooSkewed,
 * SignatureDoesNotMatch
 */
export function checkCosAccess(
  sessions: VodSessions,
  { method, headers }: CosHead,
  target: CosTarget,
  action: CosAction,
  nowMs: number,
): void {
  const sign = parseQSign(String(headers.authorization ?? ''));
  if (sign === undefined) throw new CosRefusal('AccessDenied', 'Authorization is missing or malformed');
  const session = sessions.ofSecretId(sign.secretId);
  if (session === undefined || headers['x-cos-security-token'] !== session.credentials.token) {
    throw new CosRefusal('InvalidAccessKeyId', 'The access key or its token is unknown');
  }
  if (target.region !== undefined && target.region !== session.region) {
    throw new CosRefusal('NoSuchBucket', 'The specified bucket does not exist in this region.');
  }
  checkTimes(sign, Math.floor(nowMs / 1000));
  const { secretKey } = session.credentials;
  const isRight = target.paths.some((path) =>
    isSignedBy({ method, path, query: target.query, headers }, sign, secretKey),
  );
  if (!isRight) throw new CosRefusal('SignatureDoesNotMatch', 'The signature is wrong');
  if (sessions.isExpired(session)) throw new CosRefusal('ExpiredToken', 'The token has expired');
  if (!mayUse(session, target, action)) throw new CosRefusal('AccessDenied', 'Access Denied.');
}

function checkTimes(sign: QSign, now: number): void {
  for (const times of [sign.signTime, sign.keyTime]) {
    const [start = 0, end = 0] = times.split(';').map(Number);
    if (start > now + SKEW_SECONDS || end < now - SKEW_SECONDS) {
      throw new CosRefusal(
        'RequestTimeTooSkewed',
        'The difference between the request time and the current time is too large.',
      );
    }
    if (end < now) throw new CosRefusal('AccessDenied', 'Request has expired');
  }
}

/** Credentials are for the paths of their own session; a list of uploads must be limited to one of them. */
function mayUse({ mediaKey, coverKey }: VodSession, { key, query }: CosTarget, action: CosAction): boolean {
  const used = action === 'ListMultipartUploads' ? query.get('prefix') : key;
  return used !== undefined && [mediaKey, coverKey].includes(used);
}
