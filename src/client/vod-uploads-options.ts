import { defined } from '../base/defined.ts';
import { UploaderError } from '../base/errors.ts';
import { locationProblem, type RedisLocation } from '../redis/location.ts';
import type { RedisTarget } from '../redis/target.ts';
import type { VodApi } from '../vod/wire/protocol.ts';

export interface VodUploadsOptions {
  /**
   * Redis address: `redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS; `{ cluster: 'redis://h1,h2,h3' }`;
   * or `{ sentinels: 'redis://h1,h2,h3', master: 'mymaster' }`.
   */
  readonly connection: RedisLocation;
  /**
   * Path of a file that contains the text of `connection`. User and password are read from it again on every new
   * connection, so that changing the password needs no restart.
   */
  readonly connectionFile?: string;
  /** Path of a file that contains `sentinelPassword`; read again on every new connection. */
  readonly sentinelPasswordFile?: string;
  /** With `rediss://`: PEM certificates of the CAs to trust. Default: the CAs that Node trusts. */
  readonly ca?: string;
  /** The workers' QUEUE_PREFIX. Default: `{vod}`. */
  readonly prefix?: string;
  /**
   * The directories of the workers' SOURCE_ROOTS. If set, `add` rejects a file outside them; if not, the worker that
   * processes the upload does.
   */
  readonly sourceRoots?: readonly string[];
  /** The workers' WEBHOOK_ALLOW_PRIVATE: whether webhook URLs may use http and private addresses. Default: false. */
  readonly allowPrivateWebhooks?: boolean;
  /**
   * The workers' VOD_API: which of the service's APIs uploads are sent by. It decides which options `add` accepts. Default:
   * `v2`; `2018-07-17` is API 3.0.
   */
  readonly api?: VodApi;
  /** @internal How long a call waits for a connection to Redis, in ms. Default: 5000. */
  readonly connectTimeoutMs?: number;
}

type ConnectionOptions = Pick<
  VodUploadsOptions,
  'connection' | 'connectionFile' | 'sentinelPasswordFile' | 'ca'
>;

/** @internal The options that a configuration sets. */
export function connectionOptions(redis: RedisTarget): ConnectionOptions {
  const { location, locationFile, sentinelPasswordFile, ca } = redis;
  return { connection: location, ...defined({ connectionFile: locationFile, sentinelPasswordFile, ca }) };
}

/** @throws {UploaderError} `CONFIG` when `connection` is invalid */
export function toRedisTarget(options: ConnectionOptions): RedisTarget {
  const { connection: location, connectionFile: locationFile, sentinelPasswordFile, ca } = options;
  const problem = locationProblem(location);
  if (problem !== undefined) throw new UploaderError('CONFIG', `connection ${problem}`);
  return { location, ...defined({ locationFile, sentinelPasswordFile, ca }) };
}
