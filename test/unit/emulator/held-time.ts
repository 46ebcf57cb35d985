import { EventEmitter, once } from 'node:events';
import type { EmulatorOptions } from '../../../src/emulator/server.ts';
import type { Sleep } from '../../../src/emulator/sleep.ts';

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

/** Time that stands still until it is told to pass: whoever sleeps by it wakes then. */
export class HeldTime {
  #nowMs = Date.now();
  readonly #sleepers = new Set<Sleeper>();
  readonly #news = new EventEmitter();

  /** For an emulator that lives by this time. */
  readonly options: Required<Pick<EmulatorOptions, 'clock' | 'sleep'>> = {
    clock: () => this.#nowMs,
    sleep: (ms, signal) => this.#sleep(ms, signal),
  };

  /** How many sleep now. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  /** Resolves as soon as so many sleep. */
  async asleep(count: number): Promise<void> {
    while (this.#sleepers.size !== count) await once(this.#news, 'news');
  }

  pass(ms: number): void {
    this.#nowMs += ms;
    for (const { atMs, wake } of this.#sleepers) if (atMs <= this.#nowMs) wake();
  }

  #sleep(ms: number, signal: AbortSignal): ReturnType<Sleep> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const leave = (): void => {
        this.#sleepers.delete(sleeper);
        signal.removeEventListener('abort', abort);
        this.#news.emit('news');
      };
      const abort = (): void => {
        leave();
        reject(signal.reason);
      };
      const wake = (): void => {
        leave();
        resolve();
      };
      const sleeper: Sleeper = { atMs: this.#nowMs + ms, wake };
      this.#sleepers.add(sleeper);
      signal.addEventListener('abort', abort);
      this.#news.emit('news');
    });
  }
}
