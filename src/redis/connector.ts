import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector, type RedisOptions, SentinelConnector } from 'ioredis';
import { ATTEMPT_TIMEOUT_MS } from '../process/attempt-timeout.ts';
import type { Login } from './login.ts';
import { type Refusal, refusalIn } from './refusals.ts';

type Stream = AbstractConnector['stream'];
type ErrorEmitter = Parameters<SentinelConnector['connect']>[0];

/** What connections need beside their options, also those that are made as copies of others. */
export interface Access {
  readonly login?: Login;
  readonly onRefusal?: ((refusal: Refusal) => void) | undefined;
}

/**
 * Connects to one server as ioredis does by itself, but gives each of the host's addresses more time, and logs in as
 * {@link Access.login} says by then.
 */
export function serverConnector(access: Access): new (options: unknown) => AbstractConnector {
  return class extends AbstractConnector {
    readonly #options: RedisOptions;

    constructor(options: unknown) {
      const own = options as RedisOptions;
      super(own.disconnectTimeout ?? 2000);
      access.login?.bind(own);
      this.#options = own;
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
      watch(this.stream, access);
      return this.stream;
    }
  };
}

/** The same for the server that sentinels name. */
export function sentinelConnector(access: Access): new (options: unknown) => AbstractConnector {
  return class extends SentinelConnector {
    constructor(options: unknown) {
      super(options as RedisOptions);
      access.login?.bind(options as RedisOptions);
    }

    override async connect(emit: ErrorEmitter): Promise<Stream> {
      const stream = await super.connect((type, error) => {
        // No sentinel helps; it goes on to ask them from within.
        void access.login?.refresh();
        emit(type, error);
      });
      watch(stream, access);
      return stream;
    }
  };
}

function watch(stream: Stream, access: Access): void {
  // One write: the second one to a server that has closed the connection fails before its reason is read.
  stream.once('connect', () => {
    stream.cork();
    process.nextTick(() => stream.uncork());
  });
  // The first reply is to the login, or in place of it.
  stream.once('data', (chunk: Buffer) => {
    const refusal = refusalIn(chunk.toString('latin1', 0, 300));
    if (refusal === undefined) return;
    access.onRefusal?.(refusal);
    // The client waits for replies to all that it has sent, which don't come, and would tell only that it was cut off.
    if (refusal.kind === 'full') {
      stream.destroy(Object.assign(new Error(refusal.reply), { name: 'ReplyError' }));
    }
  });
  // Well before the next attempt.
  stream.once('close', () => void access.login?.refresh());
}
