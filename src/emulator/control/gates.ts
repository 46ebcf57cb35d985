/** Named gates where requests wait until they are let through. */
export class Gates {
  readonly #gates = new Map<string, Gate>();

  /** Waits until the gate lets this request pass. @throws the signal's reason when it aborts first */
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
    for (const check of gate.watchers) check();
    try {
      await promise;
    } finally {
      gate.waiting.delete(resolve);
      signal.removeEventListener('abort', abort);
    }
  }

  /** Lets `count` requests pass, waiting ones first, in order. @param count default: all, including later ones */
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

  /** Resolves when at least `count` requests wait at the gate. */
  async reached(name: string, count: number): Promise<void> {
    const gate = this.#gate(name);
    if (gate.waiting.size >= count) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const check = (): void => {
      if (gate.waiting.size >= count) resolve();
    };
    gate.watchers.add(check);
    await promise;
    gate.watchers.delete(check);
  }

  /** Number of waiting requests, by gate. */
  get waiting(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#gates].map(([name, { waiting }]) => [name, waiting.size]));
  }

  /** Opens and removes all gates. */
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
  /** Number of requests that may pass without waiting. */
  credit: number;
  /** Resolvers of the waiting requests. */
  readonly waiting: Set<() => void>;
  /** Called whenever a request starts to wait. */
  readonly watchers: Set<() => void>;
}
