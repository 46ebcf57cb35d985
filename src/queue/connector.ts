import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';
import { ATTEMPT_TIMEOUT_MS } from '../attempt-timeout.ts';

type Stream = AbstractConnector['stream'];

/** Connects to one server as ioredis does by itself, but gives each of the host's addresses more time. */
export class Connector extends AbstractConnector {
  readonly #options: RedisOptions;

  constructor(options: unknown) {
    const given = options as RedisOptions;
    super(given.disconnectTimeout ?? 2000);
    this.#options = given;
  }

  override async connect(): Promise<Stream> {
    this.connecting = true;
    await Promise.resolve();
    if (!this.connecting) throw new Error('Connection is closed.');
    const { host, port = 6379, family, tls } = this.#options;
    const target = {
      ...{ port, autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS },
      ...(host !== undefined && { host }),
      ...(family !== undefined && { family }),
    };
    this.stream = tls === undefined ? connect(target) : connectTls({ ...target, ...tls });
    // An error may come before the client listens, which then asks for it here.
    this.stream.once('error', (error) => {
      this.firstError = error;
    });
    return this.stream;
  }
}
