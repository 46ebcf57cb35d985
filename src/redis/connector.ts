import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector, type RedisOptions, SentinelConnector } from 'ioredis';
import { defined } from '../base/defined.ts';
import { ATTEMPT_TIMEOUT_MS } from '../process/attempt-timeout.ts';
import type { RedisCredentials } from './credentials.ts';
import { parseRefusal, type Refusal } from './refusals.ts';

type Stream = AbstractConnector['stream'];
type ErrorEmitter = Parameters<SentinelConnector['connect']>[0];

/** What a connection needs beside the ioredis options. Duplicates of a connection have it too, through their connector. */
export interface Access {
  readonly credentials?: RedisCredentials;
  readonly onRefusal?: ((refusal: Refusal) => void) | undefined;
}

/**
 * Connects to one server as ioredis does, but with more time for each address of the host and with the current
 * credentials.
 */
export function serverConnector(access: Access): new (options: unknown) => AbstractConnector {
  return class extends AbstractConnector {
    readonly #options: RedisOptions;

    constructor(options: unknown) {
      const own = options as RedisOptions;
      super(own.disconnectTimeout ?? 2000);
      access.credentials?.bind(own);
      this.#options = own;
    }

    override async connect(): Promise<Stream> {
      this.connecting = true;
      await Promise.resolve();
      if (!this.connecting) throw new Error('Connection is closed.');
      const { host, port = 6379, family, tls } = this.#options;
      const target = {
        ...defined({ host, family }),
        port,
        autoSelectFamilyAttemptTimeout: ATTEMPT_TIMEOUT_MS,
      };
      this.stream = tls === undefined ? connect(target) : connectTls({ ...target, ...tls });
      // An error may come before ioredis listens; it then looks here.
      this.stream.once('error', (error) => {
        this.firstError = error;
      });
      watch(this.stream, access);
      return this.stream;
    }
  };
}

/** Connects to the server that sentinels name, with the current credentials. */
export function sentinelConnector(access: Access): new (options: unknown) => AbstractConnector {
  return class extends SentinelConnector {
    constructor(options: unknown) {
      super(options as RedisOptions);
      access.credentials?.bind(options as RedisOptions);
    }

    override async connect(emit: ErrorEmitter): Promise<Stream> {
      const stream = await super.connect((type, error) => {
        // No sentinel answered. ioredis asks them again inside this call, so the files are read here.
        void access.credentials?.refresh();
        emit(type, error);
      });
      watch(stream, access);
      return stream;
    }
  };
}

/** Reports a refusal in the first reply, and reads the credential files again when the connection closes. */
function watch(stream: Stream, access: Access): void {
  // One write for all first commands: if Redis has closed the connection, a second write fails before the reason is read.
  stream.once('connect', () => {
    stream.cork();
    process.nextTick(() => stream.uncork());
  });
  // The first reply answers the login, or comes instead of an answer.
  stream.once('data', (bytes: Buffer) => {
    const refusal = parseRefusal(bytes.toString('latin1', 0, 300));
    if (refusal === undefined) return;
    access.onRefusal?.(refusal);
    // ioredis would wait for replies to all that it has sent, and then report only that the connection was closed.
    if (refusal.kind === 'full') {
      stream.destroy(Object.assign(new Error(refusal.reply), { name: 'ReplyError' }));
    }
  });
  // The files are read well before the next connection attempt.
  stream.once('close', () => void access.credentials?.refresh());
}
