import { Redis } from 'ioredis';
import { UploaderError } from '../errors.ts';

/** Redis is not there, or does not answer. Retryable. */
export class RedisUnavailableError extends UploaderError {
  constructor(url: string, detail: string, cause?: unknown) {
    super(
      'REDIS_UNAVAILABLE',
      `Redis at ${withoutPassword(url)} ${detail}. Is REDIS_URL right, and Redis running?`,
      {
        retryable: true,
        cause,
      },
    );
  }
}

/** A Redis URL that may be shown. */
export function withoutPassword(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null) return '(not a URL)';
  if (parsed.password !== '') parsed.password = '***';
  return parsed.href;
}

/** Reconnects for ever, within 2 s of Redis being back. */
const retryStrategy = (times: number): number => Math.min(2000, 50 * 2 ** Math.min(times, 6));

/** For workers: commands wait for Redis however long it is away, as BullMQ needs. */
export function workerConnection(url: string, onError: (error: Error) => void): Redis {
  const connection = new Redis(url, { maxRetriesPerRequest: null, retryStrategy });
  connection.on('error', onError);
  return connection;
}

/** How long a producer's call may wait for Redis. */
const PRODUCER_TIMEOUT_MS = 5000;

/**
 * For producers: a call fails within seconds when Redis is away, instead of queueing up in memory, and works again as
 * soon as Redis is back. A call that timed out may have taken effect.
 */
export function producerConnection(url: string): Redis {
  const connection = new Redis(url, {
    retryStrategy,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    connectTimeout: PRODUCER_TIMEOUT_MS,
    commandTimeout: PRODUCER_TIMEOUT_MS,
  });
  // Without a listener ioredis prints each error; callers get theirs from the call itself.
  connection.on('error', () => {});
  return connection;
}

/** Resolves when the connection can take commands. @throws {RedisUnavailableError} after 5 s, or at a wrong password. */
export async function untilReady(connection: Redis, url: string): Promise<void> {
  if (connection.status === 'ready') return;
  let lastError: Error | undefined;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onReady = (): void => resolve();
  const onError = (error: Error): void => {
    lastError = error;
    if (/NOAUTH|WRONGPASS|NOPERM/.test(error.message))
      reject(new RedisUnavailableError(url, 'refuses these credentials', error));
  };
  const onEnd = (): void =>
    reject(new RedisUnavailableError(url, 'is no longer connected: the connection was closed'));
  const timer = setTimeout(() => {
    const code = (lastError as NodeJS.ErrnoException | undefined)?.code ?? lastError?.message;
    reject(
      new RedisUnavailableError(
        url,
        `did not answer within ${PRODUCER_TIMEOUT_MS / 1000} s${code ? ` (${code})` : ''}`,
        lastError,
      ),
    );
  }, PRODUCER_TIMEOUT_MS);
  connection.once('ready', onReady).on('error', onError).once('end', onEnd);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    connection.off('ready', onReady).off('error', onError).off('end', onEnd);
  }
}

/** Whether an error is Redis's or the way to it, not the job's: such an error must not cost the job anything. */
export function isRedisError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    ['ReplyError', 'MaxRetriesPerRequestError', 'AbortError', 'ConnectionClosedError'].includes(error.name) ||
    /^Connection is closed|^Command timed out|Stream isn't writeable/.test(error.message)
  );
}
