/** At most so many at once; the others wait their turn, first come, first served. */
export interface Slots {
  readonly inUse: number;
  /** Slots that are taken away while they are in use go when they are given back. */
  limit: number;
  /** Resolves with the function that gives the slot back. Rejects with the signal's reason when that comes first. */
  acquire(signal?: AbortSignal): Promise<() => void>;
}

export function createSlots(initialLimit: number): Slots {
  let limit = initialLimit;
  let inUse = 0;
  const waiting = new Set<() => void>();

  function grantWhatIsFree(): void {
    for (const grant of waiting) {
      if (inUse >= limit) return;
      inUse++;
      grant();
    }
  }

  function held(): () => void {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      inUse--;
      grantWhatIsFree();
    };
  }

  return {
    get inUse() {
      return inUse;
    },
    get limit() {
      return limit;
    },
    set limit(slots) {
      limit = slots;
      grantWhatIsFree();
    },
    async acquire(signal) {
      signal?.throwIfAborted();
      if (inUse < limit && waiting.size === 0) {
        inUse++;
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
