import type { Job, JobState } from 'bullmq';
import { UploaderError } from '../base/errors.ts';
import { type ReceivedEvent, VodEventLog } from '../events/vod-event-log.ts';
import { holdKey, parseHold } from '../quota/hold.ts';
import { RedisUnavailableError } from '../redis/errors.ts';
import { readDetails, type UploadDetails } from '../status/details.ts';
import { readQuotaWaits } from '../status/quota-waits.ts';
import { isTerminal, statusOf, type UploadStatus, withQuotaWait } from '../status/status.ts';
import type { ProducerConnection } from './producer-connection.ts';
import { UploadWatcher, type WatchFor } from './upload-watcher.ts';

/** An upload's job and, from it, its status. */
interface FoundUpload {
  readonly job: Job;
  readonly jobState: JobState | 'unknown';
  /** Does not say whether the upload waits for quota. */
  readonly status: UploadStatus;
}

/** Reads single uploads by their ids. Every method throws an {@link UploaderError} `NOT_FOUND` for an unknown id. */
export class UploadReader {
  readonly #connection: ProducerConnection;
  readonly #events: VodEventLog;
  readonly #watcher: UploadWatcher;

  constructor(connection: ProducerConnection) {
    this.#connection = connection;
    this.#events = new VodEventLog(connection.queues.upload, connection.redis);
    this.#watcher = new UploadWatcher(connection);
  }

  async find(id: string): Promise<FoundUpload> {
    const { queues, redis, prefix } = this.#connection;
    return await this.#connection.run(async () => {
      // The state is read first: a job that is completed or failed by then has its result.
      const jobState = await queues.upload.getJobState(id);
      // getJob would also accept the names of some of the queue's own keys.
      const job = jobState === 'unknown' ? undefined : await queues.upload.getJob(id);
      if (job === undefined) {
        const message = `there is no upload ${id}; finished uploads are kept for a limited time`;
        throw new UploaderError('NOT_FOUND', message);
      }
      const hasEnded = jobState === 'completed' || jobState === 'failed';
      const hold = hasEnded ? undefined : parseHold(await redis.get(holdKey(prefix)));
      return { job, jobState, status: statusOf(job, jobState, hold) };
    });
  }

  async status(id: string): Promise<UploadStatus> {
    return await this.#addQuotaWait(await this.find(id));
  }

  /** The events that VOD has sent about the upload's video. */
  async events(id: string): Promise<ReceivedEvent[]> {
    await this.find(id);
    return await this.#connection.run(() => this.#events.read(id));
  }

  async details(id: string): Promise<UploadDetails> {
    const found = await this.find(id);
    const status = await this.#addQuotaWait(found);
    const { queues, redis } = this.#connection;
    return await this.#connection.run(() => readDetails(queues, redis, found.job, status));
  }

  /**
   * Yields the upload's status whenever it may have changed, or with `end` only at its end; returns after that. Waits while Redis is
   * unavailable: the upload is unaffected or continues afterwards.
   */
  async *follow(id: string, watchFor: WatchFor): AsyncGenerator<UploadStatus, void, undefined> {
    for await (const _ of this.#watcher.changes(id, watchFor)) {
      let status: UploadStatus;
      try {
        if (watchFor === 'end' && (await this.#isUnfinished(id))) continue;
        status = await this.status(id);
      } catch (error) {
        if (error instanceof RedisUnavailableError) continue;
        throw error;
      }
      yield status;
      if (isTerminal(status.state)) return;
    }
  }

  async #addQuotaWait({ status, jobState }: FoundUpload): Promise<UploadStatus> {
    const { id, state } = status;
    const waits = await this.#connection.run(() =>
      readQuotaWaits(this.#connection, [{ id, state, jobState }]),
    );
    return withQuotaWait(status, waits.get(id));
  }

  /** Whether the upload exists and has not ended. One command, for callers that wait for many uploads. */
  async #isUnfinished(id: string): Promise<boolean> {
    const { queues, redis } = this.#connection;
    const read = () => redis.hmget(queues.upload.toKey(id), 'timestamp', 'finishedOn');
    const [timestamp, finishedOn] = await this.#connection.run(read);
    return timestamp != null && finishedOn == null;
  }

  async close(): Promise<void> {
    await this.#watcher.close();
  }
}
