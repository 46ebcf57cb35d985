import type { RedisClient } from './client.ts';
import { nodeError, RedisUnavailableError, refusedError } from './errors.ts';
import { locationUrls, type RedisLocation } from './location.ts';
import { probeFirstHost } from './probe.ts';
import { parseRefusal } from './refusals.ts';

const DEFAULT_TIMEOUT_MS = 5000;

/**
 * Resolves when the connection can take commands.
 * @param options.timeoutMs default 5 s; Infinity waits as long as Redis is unreachable
 * @throws {RedisUnavailableError} after the timeout; at once when Redis refuses the credentials or its certificate is not
 *   trusted, because waiting does not help
 */
export async function waitUntilReady(
  connection: RedisClient,
  location: RedisLocation,
  options: { readonly timeoutMs?: number } = {},
): Promise<void> {
  if (connection.status === 'ready') return;
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const waitsForever = !Number.isFinite(timeoutMs);
  let lastError: Error | undefined;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onReady = (): void => resolve();
  const rejectIfRefused = (error: Error): void => {
    lastError = error;
    const refused = refusedError(error, location);
    // Other clients disconnect sooner or later.
    const mayPass = parseRefusal(error.message)?.kind === 'full' && waitsForever;
    if (refused !== undefined && !mayPass) reject(refused);
  };
  const onError = (thrown: Error): void => {
    const error = nodeError(thrown);
    rejectIfRefused(error);
    if (!error.message.includes('Connection is closed')) return;
    void probeFirstHost(connection, location).then((reason) => reason && rejectIfRefused(nodeError(reason)));
  };
  const onEnd = (): void =>
    reject(new RedisUnavailableError(location, 'is no longer connected: the connection was closed'));
  const onTimeout = (): void => reject(timeoutError(location, timeoutMs, lastError));
  const timer = waitsForever ? undefined : setTimeout(onTimeout, timeoutMs);
  connection.once('ready', onReady).on('error', onError).once('end', onEnd);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    connection.off('ready', onReady).off('error', onError).off('end', onEnd);
  }
}

function timeoutError(
  location: RedisLocation,
  timeoutMs: number,
  lastError: Error | undefined,
): RedisUnavailableError {
  const code = (lastError as NodeJS.ErrnoException | undefined)?.code ?? lastError?.message;
  // A server without TLS takes the TLS handshake for the start of a command and waits for its end.
  const usesTls = locationUrls(location)[0]?.protocol === 'rediss:';
  const plain = usesTls ? ', or speaks no TLS (its URL then begins with redis://)' : '';
  const detail = `did not answer within ${timeoutMs / 1000} s${code ? ` (${code})` : ''}${plain}`;
  return new RedisUnavailableError(location, detail, lastError);
}
