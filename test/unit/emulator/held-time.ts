import { EventEmitter, once } from 'node:events';
import type { EmulatorOptions } from '../../../src/emulator/server.ts';
import type { Sleep } from '../../../src/emulator/sleep.ts';

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

/** A clock that only advances with `pass`, which also ends due sleeps. */
export class HeldTime {
  #nowMs = Date.now();
  readonly #sleepers = new Set<Sleeper>();
  readonly #changes = new EventEmitter();

  /** Options of an emulator that uses this clock. */
  readonly options: Required<Pick<EmulatorOptions, 'clock' | 'sleep'>> = {
    clock: () => this.#nowMs,
    sleep: (ms, signal) => this.#sleep(ms, signal),
  };

  /** Number of running sleeps. */
  get sleeping(): number {
    return this.#sleepers.size;
  }

  /** Resolves when `count` sleeps are running. */
  async asleep(count: number): Promise<void> {
    while (this.#sleepers.size !== count) await once(this.#changes, 'change');
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
        this.#changes.emit('change');
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
      this.#changes.emit('change');
    });
  }
}
