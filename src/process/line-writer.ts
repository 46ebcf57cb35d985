/** Limit of the lines that wait for a reader; when it is reached, lines are dropped until all of them are written. */
const MAX_WAITING_BYTES = 256 * 1024;

/** Delay before the next write after EAGAIN. */
const RETRY_MS = 20;

export interface LineWriterOptions {
  /** Writes without blocking. @returns the number of bytes written. @throws EAGAIN when the reader takes none now */
  readonly write: (bytes: Uint8Array) => number;
  /** Called with the number of dropped lines when lines are written again; may write a line itself. */
  readonly onDropped: (lines: number) => void;
}

/**
 * Writes lines in order and without blocking. While the reader takes none, lines wait in memory; lines over the limit, and
 * lines that can't be written, are dropped and counted.
 */
export class LineWriter {
  readonly #options: LineWriterOptions;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** Lines dropped since the last report. */
  #unreported = 0;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LineWriterOptions) {
    this.#options = options;
  }

  /** How many lines were dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** @param line with its line feed */
  write(line: string): void {
    const bytes = Buffer.from(line);
    const isQueued = this.#waiting.length > 0;
    // After a dropped line, all lines are dropped until the waiting ones are written: one gap, which is reported in place.
    if (isQueued && (this.#unreported > 0 || this.#waitingBytes + bytes.length > MAX_WAITING_BYTES)) {
      this.#drop();
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (!isQueued) this.#writeWaiting();
  }

  /** Writes the waiting lines and blocks the process meanwhile, for at most `timeoutMs`. */
  flushSync(timeoutMs: number): void {
    const deadline = performance.now() + timeoutMs;
    this.#writeWaiting();
    while (this.#waiting.length > 0 && performance.now() < deadline) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
      this.#writeWaiting();
    }
  }

  #writeWaiting(): void {
    clearTimeout(this.#timer);
    let written = 0;
    for (let [first] = this.#waiting; first !== undefined; [first] = this.#waiting) {
      try {
        const taken = this.#options.write(first);
        written += taken;
        this.#waitingBytes -= taken;
        if (taken < first.length) this.#waiting[0] = first.subarray(taken);
        else this.#waiting.shift();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') {
          // The timer does not keep the process alive: at its exit the caller flushes.
          this.#timer = setTimeout(() => this.#writeWaiting(), RETRY_MS).unref();
          return;
        }
        this.#waitingBytes -= first.length;
        this.#waiting.shift();
        this.#drop();
      }
    }
    if (this.#unreported === 0 || written === 0) return;
    const lines = this.#unreported;
    this.#unreported = 0;
    this.#options.onDropped(lines);
  }

  #drop(): void {
    this.#unreported += 1;
    this.#dropped += 1;
  }
}
