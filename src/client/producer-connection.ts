import { defined } from '../base/defined.ts';
import { closeQueues, openQueues, type Queues } from '../queue/queues.ts';
import { telemetry } from '../queue/tracing.ts';
import type { RedisClient } from '../redis/client.ts';
import { producerConnection } from '../redis/connection.ts';
import { isRedisError, RedisUnavailableError } from '../redis/errors.ts';
import type { RedisTarget } from '../redis/target.ts';
import { waitUntilReady } from '../redis/wait-until-ready.ts';
import { toRedisTarget, type VodUploadsOptions } from './vod-uploads-options.ts';

/** A producer's connection to Redis, and the queues opened on it. */
export class ProducerConnection {
  readonly target: RedisTarget;
  readonly prefix: string;
  readonly redis: RedisClient;
  readonly queues: Queues;
  readonly #timeoutMs: number | undefined;

  /** @throws {UploaderError} `CONFIG` when `connection` is invalid */
  constructor(options: VodUploadsOptions) {
    this.target = toRedisTarget(options);
    this.prefix = options.prefix ?? '{vod}';
    this.redis = producerConnection(this.target);
    this.queues = openQueues(this.redis, this.prefix, { producer: true, telemetry });
    this.#timeoutMs = options.connectTimeoutMs;
  }

  /** Runs commands once Redis is connected. @throws {RedisUnavailableError} when it does not connect or a command fails */
  async run<T>(commands: () => Promise<T>): Promise<T> {
    const { location } = this.target;
    await waitUntilReady(this.redis, location, defined({ timeoutMs: this.#timeoutMs }));
    try {
      return await commands();
    } catch (error) {
      if (error instanceof RedisUnavailableError || !isRedisError(error)) throw error;
      const { message } = error as Error;
      throw new RedisUnavailableError(location, `failed to execute a command (${message})`, error);
    }
  }

  async close(): Promise<void> {
    await closeQueues(this.queues);
    this.redis.disconnect();
  }
}
