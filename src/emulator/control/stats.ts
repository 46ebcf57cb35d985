/** Counts of what the emulator was asked and what it did. */
import type { VodAction } from '../../vod/wire/protocol.ts';
import { COUNTED_ACTIONS, type CountedAction } from './counted-actions.ts';
import type { FaultEffect } from './faults.ts';

/** Requests of one action. `byResult` has reply codes and, for faults, `http 502`, `html`, `empty`, `truncated`,
 * `reset`, `hang`; `aborted` is a request whose sender went away. */
interface ActionCounts {
  readonly total: number;
  readonly byResult: Readonly<Record<string, number>>;
}

interface PartCounts {
  /** Parts taken in, duplicates included. */
  readonly accepted: number;
  /** Of these, the ones that were there already. */
  readonly duplicates: number;
  readonly bytes: number;
}

interface StoredFileStats {
  readonly fileId: string;
  readonly fileSha: string;
  /** Bytes. */
  readonly size: number;
  readonly name: string;
  readonly type: string;
  readonly tags: readonly string[];
  readonly classId: number | null;
  readonly isTranscode: boolean;
  readonly isScreenshot: boolean;
  readonly isWatermark: boolean;
  readonly url: string;
  /** Times that this video was assembled and stored. */
  readonly finishes: number;
}

interface EventCounts {
  /** Events that happened, by type, lost ones included. */
  readonly emitted: Readonly<Record<string, number>>;
  /** Deliveries by PullEvent, those of the same event included. */
  readonly pulled: number;
  /** Of these, the ones of an event that was delivered before and not confirmed in time. */
  readonly redelivered: number;
  readonly confirmed: number;
  /** Waiting to be pulled or to be confirmed, or still to come; also from before a restart. */
  readonly pending: number;
  readonly callbacks: {
    /** Requests sent. */
    readonly tries: number;
    /** Events that the receiver took in. */
    readonly delivered: number;
  };
}

export interface EmulatorStats {
  /** `other` is a request without a known action. */
  readonly requests: Readonly<Record<CountedAction | 'other', ActionCounts>>;
  readonly parts: PartCounts & { readonly bySha: Readonly<Record<string, PartCounts>> };
  /** Videos on disk, also from before a restart. */
  readonly files: readonly StoredFileStats[];
  readonly events: EventCounts;
  readonly quotaRefusals: Readonly<Record<VodAction, number>>;
  /** Most requests that arrived in any sliding window, refused ones included. */
  readonly peakPerWindow: Readonly<Record<VodAction, number>>;
  /** Requests hit by a fault, by kind. */
  readonly faultsUsed: Readonly<Partial<Record<FaultEffect['kind'], number>>>;
  /** Requests that wait now, by the name of their gate. */
  readonly waitingAtGates: Readonly<Record<string, number>>;
}

interface Counting {
  total: number;
  byResult: Record<string, number>;
}

interface CountingParts {
  accepted: number;
  duplicates: number;
  bytes: number;
}

export class RequestCounts {
  #requests = noRequests();
  #parts: CountingParts = noParts();
  #bySha = new Map<string, CountingParts>();

  /** At the arrival, so that a request without a reply counts as well. */
  arrive(action: CountedAction | 'other'): void {
    this.#requests[action].total += 1;
  }

  result(action: CountedAction | 'other', result: string): void {
    const { byResult } = this.#requests[action];
    byResult[result] = (byResult[result] ?? 0) + 1;
  }

  part(fileSha: string, bytes: number, duplicate: boolean): void {
    const ofSha = this.#bySha.get(fileSha) ?? noParts();
    this.#bySha.set(fileSha, ofSha);
    for (const counts of [this.#parts, ofSha]) {
      counts.accepted += 1;
      counts.duplicates += duplicate ? 1 : 0;
      counts.bytes += bytes;
    }
  }

  snapshot(): Pick<EmulatorStats, 'requests' | 'parts'> {
    return structuredClone({
      requests: this.#requests,
      parts: { ...this.#parts, bySha: Object.fromEntries(this.#bySha) },
    });
  }

  reset(): void {
    this.#requests = noRequests();
    this.#parts = noParts();
    this.#bySha = new Map();
  }
}

function noRequests(): Record<CountedAction | 'other', Counting> {
  const none = (): Counting => ({ total: 0, byResult: {} });
  const entries = [...COUNTED_ACTIONS, 'other' as const].map((action) => [action, none()]);
  return Object.fromEntries(entries) as Record<CountedAction | 'other', Counting>;
}

function noParts(): CountingParts {
  return { accepted: 0, duplicates: 0, bytes: 0 };
}
