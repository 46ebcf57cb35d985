import { type Mount, mountOf } from './mounts.ts';

/** An operation rejects with this when it was not started after all; it returns to the queue. */
export const NOT_STARTED = Symbol('not started');

/** A call on a file, which never returns if the file's disk hangs. */
export interface FileOperation<T> {
  readonly path: string;
  /** What it does at the moment, for errors: `opening it`. */
  describe(): string;
  /** @param onProgress to be called when the file access starts and when it progresses; restarts the deadline */
  start(onProgress: () => void): Promise<T>;
  readonly signal?: AbortSignal | undefined;
  /** Called when it is slow: other operations should not wait for it. */
  onSlow?(): void;
  /** Called when nothing waits for its result any more, although it has not returned. */
  onAbandoned?(): void;
  /** Called with its result if it returns after that. */
  onLateResult?(result: T): void;
  readonly isSmall?: boolean;
  /** It frees a resource, so it waits as long as necessary. */
  readonly mustRun?: boolean;
}

/** running → slow → timedOut; a slow operation that progresses is running again. Nothing waits for a timedOut one. */
type OperationState = 'running' | 'slow' | 'timedOut';

/** An operation in a DeadlineQueue. */
export class QueuedOperation {
  readonly operation: FileOperation<unknown>;
  readonly #outcome = Promise.withResolvers<unknown>();
  state: OperationState = 'running';
  settled = false;
  timer: NodeJS.Timeout | undefined;
  #mount: Mount | undefined;

  constructor(operation: FileOperation<unknown>) {
    this.operation = operation;
  }

  get outcome(): Promise<unknown> {
    return this.#outcome.promise;
  }

  get mount(): Mount {
    this.#mount ??= mountOf(this.operation.path);
    return this.#mount;
  }

  markSlow(): void {
    this.state = 'slow';
    // The mount that is slow, whatever is mounted there later.
    this.#mount = this.mount;
    this.operation.onSlow?.();
  }

  resolve(result: unknown): void {
    if (this.settled) this.operation.onLateResult?.(result);
    else this.#outcome.resolve(result);
    this.settled = true;
  }

  reject(reason: unknown): void {
    this.settled = true;
    this.#outcome.reject(reason);
  }
}
