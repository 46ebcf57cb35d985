/** A semaphore: at most `limit` slots are in use; others wait in order of arrival. */
export interface Slots {
  readonly inUse: number;
  /** May be lowered below {@link inUse}: the slots in use are then not granted again when they are released. */
  limit: number;
  /** Resolves with a function that releases the slot. Rejects with the signal's reason when it aborts first. */
  acquire(signal?: AbortSignal): Promise<() => void>;
}

export function createSlots(initialLimit: number): Slots {
  let limit = initialLimit;
  let inUse = 0;
  const waiting = new Set<() => void>();

  function grantFreeSlots(): void {
    for (const grant of waiting) {
      if (inUse >= limit) return;
      inUse++;
      grant();
    }
  }

  function createRelease(): () => void {
    let released = false;
    return () => {
      if (released) return;
      released = true;
      inUse--;
      grantFreeSlots();
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
      grantFreeSlots();
    },
    async acquire(signal) {
      signal?.throwIfAborted();
      if (inUse < limit && waiting.size === 0) {
        inUse++;
        return createRelease();
      }
      return new Promise((resolve, reject) => {
        const settle = (): void => {
          waiting.delete(grant);
          signal?.removeEventListener('abort', abort);
        };
        const grant = (): void => {
          settle();
          resolve(createRelease());
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
