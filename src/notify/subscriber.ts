import { setTimeout as sleep } from 'node:timers/promises';
import { backoffDelayMs } from '../queue/backoff.ts';
import type {
  UploadCompletedEvent,
  UploadEndEvent,
  UploadFailedEvent,
  UploadProgressEvent,
} from './subscriber-events.ts';

/** Callbacks for events of uploads. They are called one at a time: the next call waits until the promise is settled. */
export interface Subscriber {
  /**
   * Name of the consumer: 1 to 64 letters, digits, `.`, `_` or `-`. Redis stores per name which events were processed,
   * and each name gets all events. If several processes subscribe with the same name, one of them gets the events; when
   * it stops, another one continues.
   */
  readonly consumer: string;
  /**
   * Called at least once per completed upload, including those that completed while no process was subscribed. If it
   * throws, it is called again after a delay.
   */
  readonly onCompleted?: (event: UploadCompletedEvent) => unknown;
  /** Called at least once per failed or cancelled attempt, like `onCompleted`. */
  readonly onFailed?: (event: UploadFailedEvent) => unknown;
  /** Called with the current progress of an upload. Outdated progress is skipped, and nothing is repeated if it throws. */
  readonly onProgress?: (event: UploadProgressEvent) => unknown;
  /**
   * Called with what the other callbacks throw; with a {@link RedisUnavailableError}, once per outage, when Redis becomes
   * unavailable (events wait there); and with an {@link EventsMissedError} when events may be lost.
   */
  readonly onError: (error: unknown) => unknown;
}

/** Delays between calls for the same event. */
const BACKOFF = { baseMs: 1000, maxMs: 60_000 };

/** Calls a subscriber until its subscription is closed. */
export class SubscriberCalls {
  readonly #subscriber: Subscriber;
  readonly #closed: AbortSignal;

  constructor(subscriber: Subscriber, closed: AbortSignal) {
    this.#subscriber = subscriber;
    this.#closed = closed;
  }

  get wantsProgress(): boolean {
    return this.#subscriber.onProgress !== undefined;
  }

  /** Repeats the call until it succeeds. @returns false when the subscription was closed first */
  async deliver(event: UploadEndEvent): Promise<boolean> {
    const { onCompleted, onFailed } = this.#subscriber;
    for (let failures = 0; !this.#closed.aborted; ) {
      try {
        if (event.type === 'upload.completed') await onCompleted?.(event);
        else await onFailed?.(event);
        return true;
      } catch (error) {
        await this.reportError(error);
        await pause(backoffDelayMs(++failures, BACKOFF), this.#closed);
      }
    }
    return false;
  }

  async reportProgress(event: UploadProgressEvent): Promise<void> {
    try {
      await this.#subscriber.onProgress?.(event);
    } catch (error) {
      await this.reportError(error);
    }
  }

  /** Ignores what `onError` itself throws. */
  async reportError(error: unknown): Promise<void> {
    try {
      await this.#subscriber.onError(error);
    } catch {}
  }
}

/** Resolves after this time or when the signal aborts. Does not keep the process alive. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal, ref: false }).catch(() => {});
}
