/** At most so many at once; the others wait their turn, first come, first served. */
export interface Slots {
  /** Resolves with the function that gives the slot back. Rejects with the signal's reason when that comes first. */
  acquire(signal?: AbortSignal): Promise<() => void>;
}

export function createSlots(limit: number): Slots {
  let free = limit;
  const waiting = new Set<() => void>();

  function release(): void {
    const next = waiting.values().next();
    if (next.done) free += 1;
    else next.value();
  }

  function held(): () => void {
    let released = false;
    return () => {
      if (!released) release();
      released = true;
    };
  }

  return {
    async acquire(signal) {
      signal?.throwIfAborted();
      if (free > 0) {
        free -= 1;
        return held();
      }
      return new Promise((resolve, reject) => {
        const settle = (): void => {
          waiting.delete(grant);
          signal?.removeEventListener('abort', abort);
        };
        const grant = (): void => {
          settle();
          resolve(held());
        };
        const abort = (): void => {
          settle();
          reject(signal?.reason);
        };
        waiting.add(grant);
        signal?.addEventListener('abort', abort, { once: true });
      });
    },
  };
}
