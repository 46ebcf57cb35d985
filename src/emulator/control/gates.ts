/** Points where requests wait until somebody lets them go on. */
export class Gates {
  readonly #gates = new Map<string, Gate>();

  /** Waits until the gate lets this request go on. @throws the signal's reason when it aborts before */
  async pass(name: string, signal: AbortSignal): Promise<void> {
    const gate = this.#gate(name);
    if (gate.credit > 0) {
      gate.credit -= 1;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = (): void => reject(signal.reason);
    signal.throwIfAborted();
    signal.addEventListener('abort', abort, { once: true });
    gate.waiting.add(resolve);
    for (const look of gate.watchers) look();
    try {
      await promise;
    } finally {
      gate.waiting.delete(resolve);
      signal.removeEventListener('abort', abort);
    }
  }

  /** Lets so many requests go on, first those that wait, in their order. @param count default: all, and all that come */
  open(name: string, count = Number.POSITIVE_INFINITY): void {
    const gate = this.#gate(name);
    gate.credit += count;
    for (const resolve of gate.waiting) {
      if (gate.credit <= 0) break;
      gate.credit -= 1;
      gate.waiting.delete(resolve);
      resolve();
    }
  }

  /** Resolves when at least so many requests wait at the gate. */
  async reached(name: string, count: number): Promise<void> {
    const gate = this.#gate(name);
    if (gate.waiting.size >= count) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      if (gate.waiting.size >= count) resolve();
    };
    gate.watchers.add(look);
    await promise;
    gate.watchers.delete(look);
  }

  /** Requests that wait, by gate. */
  get waiting(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#gates].map(([name, { waiting }]) => [name, waiting.size]));
  }

  /** Lets everybody go on, and forgets all gates. */
  clear(): void {
    for (const name of this.#gates.keys()) this.open(name);
    this.#gates.clear();
  }

  #gate(name: string): Gate {
    const gate = this.#gates.get(name) ?? { credit: 0, waiting: new Set(), watchers: new Set() };
    this.#gates.set(name, gate);
    return gate;
  }
}

interface Gate {
  /** Requests that may go on without waiting. */
  credit: number;
  /** Each lets one request go on. */
  readonly waiting: Set<() => void>;
  /** Called when one more waits. */
  readonly watchers: Set<() => void>;
}
