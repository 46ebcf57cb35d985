/** Lines that wait for their reader take no more than this; later ones are dropped until all of them are written. */
const MOST_WAITING_BYTES = 256 * 1024;

/** How soon a reader that took nothing is tried again. */
const AGAIN_MS = 20;

export interface LineWriterOptions {
  /** Writes at once what the reader takes. @returns how many bytes that was. @throws EAGAIN when it takes none now */
  readonly write: (bytes: Uint8Array) => number;
  /** Called when lines are written again after so many that were dropped; may write a line itself. */
  readonly onDropped: (lines: number) => void;
}

/**
 * Writes lines without ever waiting for who reads them. While the reader takes none they wait in memory; when there are
 * too many, or they can't be written at all, they are dropped and counted. Lines keep their order.
 */
export class LineWriter {
  readonly #options: LineWriterOptions;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** Since lines were last written. */
  #dropped = 0;
  #droppedInAll = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LineWriterOptions) {
    this.#options = options;
  }

  /** Lines that were never written, of all times. */
  get dropped(): number {
    return this.#droppedInAll;
  }

  /** @param line with its line end */
  write(line: string): void {
    const bytes = Buffer.from(line);
    const isQueued = this.#waiting.length > 0;
    // Once one was dropped so are those after it, until the rest is written: a single gap, whose place is told.
    if (isQueued && (this.#dropped > 0 || this.#waitingBytes + bytes.length > MOST_WAITING_BYTES)) {
      this.#drop();
      return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (!isQueued) this.#writeWaiting();
  }

  /**
   * Writes what waits, and blocks the process until that is done.
   * @param timeoutMs when a reader that takes nothing is given up
   */
  flushSync(timeoutMs: number): void {
    const giveUpAt = performance.now() + timeoutMs;
    this.#writeWaiting();
    while (this.#waiting.length > 0 && performance.now() < giveUpAt) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, AGAIN_MS);
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
          // It keeps no process alive: what waits when that ends is the caller's to flush.
          this.#timer = setTimeout(() => this.#writeWaiting(), AGAIN_MS).unref();
          return;
        }
        this.#waitingBytes -= first.length;
        this.#waiting.shift();
        this.#drop();
      }
    }
    if (this.#dropped === 0 || written === 0) return;
    const lines = this.#dropped;
    this.#dropped = 0;
    this.#options.onDropped(lines);
  }

  #drop(): void {
    this.#dropped += 1;
    this.#droppedInAll += 1;
  }
}
