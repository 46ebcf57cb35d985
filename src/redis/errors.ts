import { defined } from '../base/defined.ts';
import { UploaderError } from '../base/errors.ts';
import { locationVariable, maskedLocation, type RedisLocation } from './location.ts';
import { FULL_ADVICE, parseRefusal, REFUSED } from './refusals.ts';

/** Redis is unreachable, does not answer, or refuses the connection. Retryable. */
export class RedisUnavailableError extends UploaderError {
  constructor(
    location: RedisLocation,
    detail: string,
    cause?: unknown,
    advice = `Is ${locationVariable(location)} right, and Redis running?`,
  ) {
    super('REDIS_UNAVAILABLE', `Redis at ${maskedLocation(location)} ${detail}. ${advice}`, {
      retryable: true,
      ...(cause !== undefined && { cause: withoutCommand(cause) }),
    });
  }
}

/** ioredis adds the failed command with its arguments to an error, and the arguments of AUTH are the password. */
function withoutCommand(error: unknown): Error {
  const { name, message, code } = error as NodeJS.ErrnoException;
  return Object.assign(new Error(message), defined({ name, code }));
}

/** When no node of a cluster answers, the error of the last node instead of the general one. */
export function nodeError(error: Error): Error {
  return (error as { lastNodeError?: Error | null }).lastNodeError ?? error;
}

/**
 * The error to report when Redis refuses the connection or its certificate is not trusted, where a new attempt alone does
 * not help; undefined for errors that pass.
 */
export function refusedError(error: Error, location: RedisLocation): RedisUnavailableError | undefined {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const refusal = parseRefusal(message);
  if (refusal?.kind === 'full') {
    return new RedisUnavailableError(location, `${REFUSED.full} (${refusal.reply})`, error, FULL_ADVICE);
  }
  if (/NOAUTH|WRONGPASS|NOPERM/.test(message)) {
    return new RedisUnavailableError(location, `${REFUSED.login} (${message.slice(0, 200)})`, error);
  }
  if (
    /CERT|ISSUER|_CA$|UNABLE_TO_VERIFY|HOSTNAME_MISMATCH|ALTNAME/.test(code) ||
    // ioredis drops the code of an error of a sentinel.
    /self-signed certificate|unable to (get|verify)|does not match certificate/.test(message)
  ) {
    const detail = `has a certificate that is not trusted (${code || message}); set REDIS_CA_FILE to the CA to trust`;
    return new RedisUnavailableError(location, detail, error);
  }
  return undefined;
}

/** Whether Redis or its connection caused the error, and not the job: such an error must not spend an attempt. */
export function isRedisError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return REDIS_ERROR_NAMES.has(error.name) || CONNECTION_TROUBLE.test(error.message);
}

/** Whether the error only says that Redis is unreachable or refuses the connection, which the connection reports itself. */
export function isConnectionError(error: Error): boolean {
  const code = 'code' in error ? String(error.code) : '';
  return (
    /^(ECONN|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT)/.test(code) ||
    CONNECTION_TROUBLE.test(error.message) ||
    parseRefusal(error.message) !== undefined
  );
}

/** Every error reply of Redis is a ReplyError: READONLY, LOADING, CLUSTERDOWN, NOREPLICAS, UNBLOCKED and so on. */
const REDIS_ERROR_NAMES: ReadonlySet<string> = new Set([
  'ReplyError',
  'MaxRetriesPerRequestError',
  'AbortError',
  'ConnectionClosedError',
  'ClusterAllFailedError',
]);
const CONNECTION_TROUBLE =
  /^Connection is closed|^Failed to refresh slots cache|^Command timed out|Stream isn't writeable|^Too many Cluster redirections|^Cluster isn't ready|^None of startup nodes is available/;
