import type { ConnectionOptions } from 'node:tls';
import { Redis } from 'ioredis';
import { UploaderError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { withoutPassword } from '../redis-url.ts';

/** Where Redis is. */
export interface RedisTarget {
  /** `redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS. */
  readonly url: string;
  /** PEM certificates of the authorities that may have signed Redis's; default those that Node trusts. */
  readonly ca?: string | undefined;
}

/** Redis is not there, does not answer, or refuses us. Retryable. */
export class RedisUnavailableError extends UploaderError {
  constructor(url: string, detail: string, cause?: unknown) {
    super(
      'REDIS_UNAVAILABLE',
      `Redis at ${withoutPassword(url)} ${detail}. Is REDIS_URL right, and Redis running?`,
      { retryable: true, ...(cause !== undefined && { cause: bareError(cause) }) },
    );
  }
}

/** The client's errors carry the command that failed with its arguments, and AUTH's are the password. */
function bareError(error: unknown): Error {
  const { name, message, code } = error as NodeJS.ErrnoException;
  const bare = new Error(message);
  return Object.assign(bare, { name, ...(code !== undefined && { code }) });
}

/** Reconnects for ever, within 2 s of Redis being back. */
const retryStrategy = (times: number): number => Math.min(2000, 50 * 2 ** Math.min(times, 6));

/** With `rediss://` the certificate is verified, always; the host's name is told (SNI), as shared front ends need it. */
function tlsOptions({ url, ca }: RedisTarget): { tls?: ConnectionOptions } {
  const { protocol, hostname } = new URL(url);
  if (protocol !== 'rediss:') return {};
  const isName = !/^[\d.]+$|^\[/.test(hostname);
  return {
    tls: {
      rejectUnauthorized: true,
      ...(isName && { servername: hostname }),
      ...(ca !== undefined && { ca }),
    },
  };
}

/** For workers: commands wait for Redis however long it is away, as BullMQ needs. */
export function workerConnection(target: RedisTarget, onError: (error: Error) => void): Redis {
  const connection = new Redis(target.url, {
    maxRetriesPerRequest: null,
    retryStrategy,
    ...tlsOptions(target),
  });
  connection.on('error', onError);
  return connection;
}

/**
 * A {@link workerConnection} for everything but blocking reads and subscriptions; says once when Redis goes, and when
 * it is back.
 */
export function reportingConnection(
  target: RedisTarget,
  { log, onChange }: { readonly log: Logger; readonly onChange: (connected: boolean) => void },
): Redis {
  const redisUrl = withoutPassword(target.url);
  let away = false;
  const connection = workerConnection(target, (error) => {
    if (!away) log.warn({ redisUrl, err: error.message }, 'redis is away; waiting for it');
    away = true;
  });
  connection.on('close', () => onChange(false));
  connection.on('ready', () => {
    onChange(true);
    if (away) log.warn({ redisUrl }, 'redis is back');
    away = false;
  });
  return connection;
}

/** How long a producer's call may wait for Redis. */
const PRODUCER_TIMEOUT_MS = 5000;

/**
 * For producers: a call fails within seconds when Redis is away, instead of queueing up in memory, and works again as
 * soon as Redis is back. A call that timed out may have taken effect.
 */
export function producerConnection(target: RedisTarget): Redis {
  const connection = new Redis(target.url, {
    retryStrategy,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    connectTimeout: PRODUCER_TIMEOUT_MS,
    commandTimeout: PRODUCER_TIMEOUT_MS,
    ...tlsOptions(target),
  });
  // Without a listener ioredis prints each error; callers get theirs from the call itself.
  connection.on('error', () => {});
  // Each call that waits for Redis listens, and an application may follow hundreds of uploads.
  connection.setMaxListeners(0);
  return connection;
}

/**
 * Resolves when the connection can take commands.
 * @param options.timeoutMs default 5 s; Infinity waits as long as Redis is away
 * @throws {RedisUnavailableError} after that time, and at once when Redis refuses the credentials or its certificate
 *   is not to be trusted: waiting helps neither
 */
export async function untilReady(
  connection: Redis,
  url: string,
  options: { readonly timeoutMs?: number } = {},
): Promise<void> {
  if (connection.status === 'ready') return;
  const { timeoutMs = PRODUCER_TIMEOUT_MS } = options;
  let lastError: Error | undefined;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onReady = (): void => resolve();
  const onError = (error: Error): void => {
    lastError = error;
    const refusal = refusalOf(error);
    if (refusal !== undefined) reject(new RedisUnavailableError(url, refusal, error));
  };
  const onEnd = (): void =>
    reject(new RedisUnavailableError(url, 'is no longer connected: the connection was closed'));
  const onTimeout = (): void => {
    const code = (lastError as NodeJS.ErrnoException | undefined)?.code ?? lastError?.message;
    // A server without TLS waits for the rest of what looks to it like the beginning of a command.
    const plain = url.startsWith('rediss:') ? ', or speaks no TLS (its URL then begins with redis://)' : '';
    const detail = `did not answer within ${timeoutMs / 1000} s${code ? ` (${code})` : ''}${plain}`;
    reject(new RedisUnavailableError(url, detail, lastError));
  };
  const timer = Number.isFinite(timeoutMs) ? setTimeout(onTimeout, timeoutMs) : undefined;
  connection.once('ready', onReady).on('error', onError).once('end', onEnd);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    connection.off('ready', onReady).off('error', onError).off('end', onEnd);
  }
}

/** Why Redis won't have us, or we not it, however often we come back; undefined for what may pass. */
function refusalOf(error: Error): string | undefined {
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (/NOAUTH|WRONGPASS|NOPERM/.test(message)) {
    return `refuses these credentials (${message.slice(0, 100)})`;
  }
  if (/CERT|ISSUER|_CA$|UNABLE_TO_VERIFY|HOSTNAME_MISMATCH|ALTNAME/.test(code)) {
    return `has a certificate that is not trusted (${code}); REDIS_CA_FILE names the authority to trust`;
  }
  return undefined;
}

/** Whether an error is Redis's or the way to it, not the job's: such an error must not cost the job anything. */
export function isRedisError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    ['ReplyError', 'MaxRetriesPerRequestError', 'AbortError', 'ConnectionClosedError'].includes(error.name) ||
    /^Connection is closed|^Command timed out|Stream isn't writeable/.test(error.message)
  );
}
