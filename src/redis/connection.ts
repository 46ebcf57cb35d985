import type { ConnectionOptions } from 'node:tls';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { UploaderError } from '../base/errors.ts';
import type { Logger } from '../process/log.ts';
import { type Access, sentinelConnector, serverConnector } from './connector.ts';
import { DEFAULT_MASTER, type RedisLocation, showLocation, urlsOf, variableOf } from './location.ts';
import { Login, type LoginFiles } from './login.ts';
import { FULL_ADVICE, REFUSED, type Refusal, refusalIn } from './refusals.ts';

/** Where Redis is, and how to get in. */
export interface RedisTarget extends LoginFiles {
  readonly location: RedisLocation;
  /** PEM certificates of the authorities that may have signed Redis's; default those that Node trusts. */
  readonly ca?: string | undefined;
  /** Told whenever a connection is refused. */
  readonly onRefusal?: (refusal: Refusal) => void;
}

/** A connection to one server, which sentinels may have named, or to a cluster. */
export type RedisClient = Redis | Cluster;

/** Redis is not there, does not answer, or refuses us. Retryable. */
export class RedisUnavailableError extends UploaderError {
  constructor(
    location: RedisLocation,
    detail: string,
    cause?: unknown,
    advice = `Is ${variableOf(location)} right, and Redis running?`,
  ) {
    super('REDIS_UNAVAILABLE', `Redis at ${showLocation(location)} ${detail}. ${advice}`, {
      retryable: true,
      ...(cause !== undefined && { cause: bareError(cause) }),
    });
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

/**
 * A primary that has become a replica, at an address that leads to the primary otherwise: connect anew and say the
 * command again.
 */
const reconnectOnError = ({ message }: Error): 2 | false =>
  message.includes("READONLY You can't write") ? 2 : false;

/** While a cluster fails over, a command is tried again this often. */
const FAILOVER_RETRY_MS = 100;
/** Two nodes that each say that the other has the slot, for a moment, are not asked in a tight circle. */
const MOVED_RETRY_MS = 50;
/** A node that takes longer to say which node has which slot is passed over. */
const SLOTS_TIMEOUT_MS = 2000;

interface Patience {
  /** How long a command waits for a cluster that fails over. */
  readonly failoverMs: number;
  /** Whether commands wait in memory while there is no connection. */
  readonly enableOfflineQueue: boolean;
  /** Of each connection to a server. */
  readonly options: {
    readonly maxRetriesPerRequest: number | null;
    /** A machine that vanishes leaves connections that seem alive: one with no reply for so long is given up. */
    readonly socketTimeout: number;
    readonly connectTimeout?: number;
    readonly commandTimeout?: number;
  };
}

/** One for all connections to it: what makes one of them read the files again serves the others, too. */
const logins = new WeakMap<RedisTarget, Login>();

function loginOf(target: RedisTarget): Login {
  const login = logins.get(target) ?? new Login(target.location, target);
  logins.set(target, login);
  return login;
}

/** With `rediss://` the certificate is verified, always, for the name or address that is connected to. */
function connect(target: RedisTarget, patience: Patience): RedisClient {
  const { location, ca, onRefusal } = target;
  const access: Access = { login: loginOf(target), onRefusal };
  const { failoverMs, enableOfflineQueue } = patience;
  const urls = urlsOf(location);
  const [{ protocol, hostname, username, password, pathname }] = urls as [URL, ...URL[]];
  const tls: ConnectionOptions | undefined =
    protocol === 'rediss:' ? { rejectUnauthorized: true, ...(ca !== undefined && { ca }) } : undefined;
  const options = { ...patience.options, reconnectOnError };
  if (typeof location === 'string') {
    // Shared front ends need the host's name before they show a certificate (SNI).
    const isName = !/^[\d.]+$|^\[/.test(hostname);
    return gatherWrites(
      new Redis(location, {
        ...options,
        Connector: serverConnector(access),
        retryStrategy,
        enableOfflineQueue,
        ...(tls && { tls: { ...tls, ...(isName && { servername: hostname }) } }),
      }),
    );
  }
  const login = {
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
    ...(tls && { tls }),
  };
  if ('cluster' in location) {
    const cluster = new PatientCluster(hostsOf(urls, CLUSTER_PORT), {
      clusterRetryStrategy: retryStrategy,
      // A connect() whose check fails never settles, and BullMQ would wait for it; commands find out as well.
      enableReadyCheck: false,
      enableOfflineQueue,
      maxRedirections: failoverMs / FAILOVER_RETRY_MS,
      retryDelayOnFailover: FAILOVER_RETRY_MS,
      retryDelayOnClusterDown: FAILOVER_RETRY_MS,
      retryDelayOnTryAgain: FAILOVER_RETRY_MS,
      retryDelayOnMoved: MOVED_RETRY_MS,
      slotsRefreshTimeout: SLOTS_TIMEOUT_MS,
      // A name stays a name: certificates are made out to names.
      dnsLookup: (host, found) => found(null, host),
      redisOptions: { ...options, ...login, Connector: serverConnector(access) },
    });
    cluster.on('+node', gatherWrites);
    return cluster;
  }
  const { master = DEFAULT_MASTER, sentinelUsername, sentinelPassword } = location;
  return gatherWrites(
    new Redis({
      ...options,
      ...login,
      Connector: sentinelConnector(access),
      retryStrategy,
      enableOfflineQueue,
      db: Number(pathname.slice(1)),
      name: master,
      sentinels: hostsOf(urls, SENTINEL_PORT),
      sentinelRetryStrategy: retryStrategy,
      ...(sentinelUsername !== undefined && { sentinelUsername }),
      ...(sentinelPassword !== undefined && { sentinelPassword }),
      ...(tls && { sentinelTLS: tls, enableTLSForSentinelMode: true }),
    }),
  );
}

/** Lets all commands of one turn of the event loop leave in one write: a system call for each is what they cost most. */
function gatherWrites(connection: Redis): Redis {
  const gather = (): void => {
    const { stream } = connection;
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    const flush = (): void => stream.uncork();
    stream.write = (...args: unknown[]): boolean => {
      if (stream.writableCorked === 0) {
        stream.cork();
        process.nextTick(flush);
      }
      return write(...args);
    };
  };
  return connection.on('connect', gather);
}

const CLUSTER_PORT = 6379;
const SENTINEL_PORT = 26_379;

function hostsOf(urls: readonly URL[], defaultPort: number): { host: string; port: number }[] {
  return urls.map(({ hostname, port }) => ({
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(port || defaultPort),
  }));
}

/** BullMQ gives up a blocking read after 6 s, and asks again: one that went on would take the news from the next. */
const BLOCKING_FAILOVER_MS = 4000;

/** A cluster's connection whose duplicates, which are BullMQ's blocking ones, do not wait longer than BullMQ does. */
class PatientCluster extends Cluster {
  override duplicate(...args: Parameters<Cluster['duplicate']>): Cluster {
    const copy = super.duplicate(...args);
    copy.options.maxRedirections = BLOCKING_FAILOVER_MS / FAILOVER_RETRY_MS;
    return copy;
  }
}

/** Longer than BullMQ's longest blocking read, of 10 s. */
const WORKER_SILENCE_MS = 15_000;

/** For workers: commands wait for Redis however long it is away, as BullMQ needs. */
export function workerConnection(target: RedisTarget, onError: (error: Error) => void): RedisClient {
  const connection = connect(target, {
    failoverMs: Number.POSITIVE_INFINITY,
    enableOfflineQueue: true,
    options: { maxRetriesPerRequest: null, socketTimeout: WORKER_SILENCE_MS },
  });
  connection.on('error', (error: Error) => onError(rootOf(error)));
  return connection;
}

/**
 * A {@link workerConnection} for everything but blocking reads and subscriptions; says once when Redis goes, and when
 * it is back.
 */
export function reportingConnection(
  target: RedisTarget,
  { log, onChange }: { readonly log: Logger; readonly onChange: (connected: boolean) => void },
): RedisClient {
  const redisUrl = showLocation(target.location);
  let away = false;
  const { location, onRefusal } = target;
  const connection: RedisClient = workerConnection(target, (error) => {
    if (!away) log.warn({ redisUrl, err: error.message }, 'redis is away; waiting for it');
    away = true;
    // The client does not tell why sentinels do not answer.
    if (error.message.startsWith('All sentinels')) void hostError(connection, location, { onRefusal });
  });
  connection.on('close', () => onChange(false));
  connection.on('ready', () => {
    onChange(true);
    if (away) log.warn({ redisUrl }, 'redis is back');
    away = false;
  });
  if (connection instanceof Cluster) reportNodes(connection, log);
  return connection;
}

/** A cluster is connected as long as one node is, be it without the one that has the uploads. */
function reportNodes(cluster: Cluster, log: Logger): void {
  const away = new Set<string>();
  cluster.on('node error', (error: Error, node: string) => {
    if (!away.has(node)) log.warn({ node, err: error.message }, 'a node of the redis cluster is away');
    away.add(node);
  });
  cluster.on('+node', (connection: Redis) => {
    const node = `${connection.options.host}:${connection.options.port}`;
    connection.on('ready', () => {
      if (away.delete(node)) log.warn({ node }, 'a node of the redis cluster is back');
    });
  });
}

/** How long a producer's call may wait for Redis. */
const PRODUCER_TIMEOUT_MS = 5000;

/**
 * For producers: a call fails within seconds when Redis is away, instead of queueing up in memory, and works again as
 * soon as Redis is back. A call that timed out may have taken effect.
 */
export function producerConnection(target: RedisTarget): RedisClient {
  const connection = connect(target, {
    failoverMs: PRODUCER_TIMEOUT_MS,
    enableOfflineQueue: false,
    options: {
      maxRetriesPerRequest: 1,
      socketTimeout: PRODUCER_TIMEOUT_MS,
      connectTimeout: PRODUCER_TIMEOUT_MS,
      commandTimeout: PRODUCER_TIMEOUT_MS,
    },
  });
  // Without a listener ioredis prints each error; callers get theirs from the call itself.
  connection.on('error', () => {});
  // Each call that waits for Redis listens, and an application may follow hundreds of uploads.
  // Not 0, which means the same: each of BullMQ’s queues adds to the number.
  connection.setMaxListeners(Number.POSITIVE_INFINITY);
  return connection;
}

/**
 * Resolves when the connection can take commands.
 * @param options.timeoutMs default 5 s; Infinity waits as long as Redis is away
 * @throws {RedisUnavailableError} after that time, and at once when Redis refuses the credentials or its certificate
 *   is not to be trusted: waiting helps neither
 */
export async function untilReady(
  connection: RedisClient,
  location: RedisLocation,
  options: { readonly timeoutMs?: number } = {},
): Promise<void> {
  if (connection.status === 'ready') return;
  const { timeoutMs = PRODUCER_TIMEOUT_MS } = options;
  let lastError: Error | undefined;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onReady = (): void => resolve();
  const onError = (thrown: Error): void => {
    const error = rootOf(thrown);
    lastError = error;
    const refused = refusedError(error, location);
    // Others go, and leave room.
    const mayPass = refusalIn(error.message)?.kind === 'full' && !Number.isFinite(timeoutMs);
    if (refused !== undefined && !mayPass) reject(refused);
  };
  const onClosed = (error: Error): void => {
    onError(error);
    if (!rootOf(error).message.includes('Connection is closed')) return;
    void hostError(connection, location).then((reason) => reason && onError(reason));
  };
  const onEnd = (): void =>
    reject(new RedisUnavailableError(location, 'is no longer connected: the connection was closed'));
  const onTimeout = (): void => {
    const code = (lastError as NodeJS.ErrnoException | undefined)?.code ?? lastError?.message;
    // A server without TLS waits for the rest of what looks to it like the beginning of a command.
    const tls = urlsOf(location)[0]?.protocol === 'rediss:';
    const plain = tls ? ', or speaks no TLS (its URL then begins with redis://)' : '';
    const detail = `did not answer within ${timeoutMs / 1000} s${code ? ` (${code})` : ''}${plain}`;
    reject(new RedisUnavailableError(location, detail, lastError));
  };
  const timer = Number.isFinite(timeoutMs) ? setTimeout(onTimeout, timeoutMs) : undefined;
  connection.once('ready', onReady).on('error', onClosed).once('end', onEnd);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    connection.off('ready', onReady).off('error', onClosed).off('end', onEnd);
  }
}

/**
 * Why a node or a sentinel can't be reached. The client of a cluster, and of sentinels, says only that its connection was
 * closed; one that is of no use otherwise says why.
 */
async function hostError(
  connection: RedisClient,
  location: RedisLocation,
  access: Access = {},
): Promise<Error | undefined> {
  if (typeof location === 'string') return undefined;
  const {
    tls,
    username,
    password,
    Connector = serverConnector(access),
  }: RedisOptions = connection instanceof Cluster
    ? (connection.options.redisOptions ?? {})
    : {
        tls: connection.options.sentinelTLS,
        username: connection.options.sentinelUsername,
        password: connection.options.sentinelPassword,
      };
  const [{ host, port } = { host: '', port: 0 }] = hostsOf(
    urlsOf(location),
    'cluster' in location ? CLUSTER_PORT : SENTINEL_PORT,
  );
  const probe = new Redis({
    host,
    port,
    tls,
    username,
    password,
    Connector,
    lazyConnect: true,
    enableReadyCheck: false,
    connectTimeout: PRODUCER_TIMEOUT_MS,
    retryStrategy: () => null,
  });
  try {
    return await new Promise((resolve) => {
      probe.once('error', resolve).once('ready', () => resolve(undefined));
      probe.connect().catch(resolve);
    });
  } finally {
    probe.disconnect();
  }
}

/** Of a cluster of which no node answers, the reason that a node had. */
function rootOf(error: Error): Error {
  return (error as { lastNodeError?: Error | null }).lastNodeError ?? error;
}

/** Redis won't have us, or we not it, however soon we come back; undefined for what passes by itself. */
function refusedError(error: Error, location: RedisLocation): RedisUnavailableError | undefined {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const refusal = refusalIn(message);
  if (refusal?.kind === 'full') {
    return new RedisUnavailableError(location, `${REFUSED.full} (${refusal.reply})`, error, FULL_ADVICE);
  }
  const distrust = (detail: string) => new RedisUnavailableError(location, detail, error);
  if (/NOAUTH|WRONGPASS|NOPERM/.test(message)) {
    return distrust(`${REFUSED.login} (${message.slice(0, 200)})`);
  }
  if (
    /CERT|ISSUER|_CA$|UNABLE_TO_VERIFY|HOSTNAME_MISMATCH|ALTNAME/.test(code) ||
    // What the client makes of a sentinel's has no code.
    /self-signed certificate|unable to (get|verify)|does not match certificate/.test(message)
  ) {
    return distrust(
      `has a certificate that is not trusted (${code || message}); REDIS_CA_FILE names the authority to trust`,
    );
  }
  return undefined;
}

/** Whether an error is Redis's or the way to it, not the job's: such an error must not cost the job anything. */
export function isRedisError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return REDIS_ERRORS.has(error.name) || REDIS_TROUBLE.test(error.message);
}

/** Whether an error says only that Redis can't be reached or lets nobody in, which its connection tells as well. */
export function isRedisAway(error: Error): boolean {
  const code = 'code' in error ? String(error.code) : '';
  return (
    /^(ECONN|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT)/.test(code) ||
    REDIS_TROUBLE.test(error.message) ||
    refusalIn(error.message) !== undefined
  );
}

/** Every error that Redis replies is a ReplyError: READONLY, LOADING, CLUSTERDOWN, NOREPLICAS, UNBLOCKED and so on. */
const REDIS_ERRORS: ReadonlySet<string> = new Set([
  'ReplyError',
  'MaxRetriesPerRequestError',
  'AbortError',
  'ConnectionClosedError',
  'ClusterAllFailedError',
]);
const REDIS_TROUBLE =
  /^Connection is closed|^Failed to refresh slots cache|^Command timed out|Stream isn't writeable|^Too many Cluster redirections|^Cluster isn't ready|^None of startup nodes is available/;

/**
 * Says a command that has no key to the server that has this key: in a cluster any other node would do for the client,
 * and its memory, clients and settings say nothing of the queues.
 */
export async function askOwner(
  redis: RedisClient,
  key: string,
  [name, ...args]: readonly [string, ...string[]],
): Promise<unknown> {
  if (!(redis instanceof Cluster)) return await redis.call(name, ...args);
  // A pipeline goes whole to the node of its keys.
  const replies = await redis
    .pipeline()
    .exists(key)
    .call(name, ...args)
    .exec();
  for (const [error] of replies ?? []) if (error) throw error;
  return replies?.[1]?.[1];
}
