import type { Session } from '../backend/backend.ts';
import { parseInitValue } from '../queue/jobs/init.ts';
import { childId, type Run, runName } from '../queue/names.ts';
import type { Queues } from '../queue/queues.ts';
import type { RedisClient } from '../redis/client.ts';

/** A process remembers the sessions of this many uploads. */
const MAX_SESSIONS = 1000;

/** Reads the sessions of uploads: each is in the result of the init job of its run, once for all parts. */
export class Sessions {
  readonly #queues: Pick<Queues, 'upload' | 'init'>;
  readonly #redis: RedisClient;
  readonly #known = new Map<string, Promise<Session | undefined>>();
  /** The runs whose session is over, oldest first, and the code of the error that said so. */
  readonly #over = new Map<string, string>();

  constructor(queues: Pick<Queues, 'upload' | 'init'>, redis: RedisClient) {
    this.#queues = queues;
    this.#redis = redis;
  }

  /** @returns undefined if the upload has ended, and its children are deleted */
  async read(uploadId: string, run: Run): Promise<Session | undefined> {
    const key = `${uploadId} ${runName(run)}`;
    const known = this.#known.get(key);
    if (known !== undefined) return await known;
    const reading = this.#read(uploadId, run);
    this.#known.set(key, reading);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_SESSIONS && oldest !== undefined) this.#known.delete(oldest);
    try {
      const session = await reading;
      if (session === undefined) this.#known.delete(key);
      return session;
    } catch (error) {
      this.#known.delete(key);
      throw error;
    }
  }

  /** The session is over: this process sends no more parts in it. @param code of the error that said so */
  setOver(uploadId: string, run: Run, code: string): void {
    this.#over.set(`${uploadId} ${runName(run)}`, code);
    const [oldest] = this.#over.keys();
    if (this.#over.size > MAX_SESSIONS && oldest !== undefined) this.#over.delete(oldest);
  }

  /** The code by which this session is over; undefined if it is not, as far as this process knows. */
  overBy(uploadId: string, run: Run): string | undefined {
    return this.#over.get(`${uploadId} ${runName(run)}`);
  }

  async #read(uploadId: string, run: Run): Promise<Session | undefined> {
    const results = `${this.#queues.upload.toKey(uploadId)}:processed`;
    const init = this.#queues.init.toKey(childId(uploadId, run, 'init'));
    const json = await this.#redis.hget(results, init);
    if (json === null) return undefined;
    const value = parseInitValue(JSON.parse(json));
    return value.kind === 'send' ? value.session : undefined;
  }
}
