/** The emulator's statistics. */
import type { V2Action } from '../../vod/wire/protocol.ts';
import type { Api3Action } from '../protocol/api3-actions.ts';
import { COUNTED_ACTIONS, type CountedAction } from './counted-actions.ts';
import type { FaultEffect } from './fault-schema.ts';

/**
 * Requests of one action. Keys of `byResult` are reply codes (`ok` for an
 * accepted request of API 3.0 or COS, and the error's code for a refused one); for faults `http 502`, `html`, `empty`, `truncated`,
 * `reset`, `hang`; and `aborted` when the client disconnected.
 */
interface ActionCounts {
  readonly total: number;
  readonly byResult: Readonly<Record<string, number>>;
}

interface PartCounts {
  /** Accepted parts, duplicates included. */
  readonly accepted: number;
  /** Accepted parts that had been received before. */
  readonly duplicates: number;
  readonly bytes: number;
}

interface StoredFileStats {
  readonly fileId: string;
  /** Empty for a video that came by API 3.0. */
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
  /** How many times this video was stored. */
  readonly finishes: number;
  /** Only of a video that came by API 3.0. */
  readonly media?: {
    /** The object's key in the bucket, without a leading slash. */
    readonly key: string;
    /** Decimal. */
    readonly crc64: string;
    readonly region: string;
    readonly sourceContext: string;
    readonly sessionContext: string;
    readonly procedure: string;
    readonly expireTime: string;
    /** Empty: no cover. */
    readonly coverUrl: string;
  };
}

/** A multipart upload in progress. */
interface OpenUploadStats {
  readonly key: string;
  readonly uploadId: string;
  readonly parts: number;
  /** Of the parts. */
  readonly bytes: number;
}

interface EventCounts {
  /** Emitted events by type, lost ones included. */
  readonly emitted: Readonly<Record<string, number>>;
  /** Deliveries by PullEvent, redeliveries included. */
  readonly pulled: number;
  /** Redeliveries, of events that were not confirmed in time. */
  readonly redelivered: number;
  readonly confirmed: number;
  /** Events not confirmed yet, including future ones and those from before a restart. */
  readonly pending: number;
  readonly callbacks: {
    /** Requests sent. */
    readonly tries: number;
    /** Events that the receiver accepted. */
    readonly delivered: number;
  };
}

export interface EmulatorStats {
  /** `other` is a request without a known action. */
  readonly requests: Readonly<Record<CountedAction | 'other', ActionCounts>>;
  /** Parts of v2 by `fileSha`, and parts of COS by the object's key. */
  readonly parts: PartCounts & {
    readonly bySha: Readonly<Record<string, PartCounts>>;
    readonly byKey: Readonly<Record<string, PartCounts>>;
  };
  /** Multipart uploads that were neither completed nor aborted, including those from before a restart. */
  readonly openUploads: readonly OpenUploadStats[];
  /** Stored videos, including those from before a restart. */
  readonly files: readonly StoredFileStats[];
  readonly events: EventCounts;
  readonly quotaRefusals: Readonly<Record<V2Action | Api3Action, number>>;
  /** Highest number of requests in any sliding window (API 3.0: a second), refused ones included. */
  readonly peakPerWindow: Readonly<Record<V2Action | Api3Action, number>>;
  /** Number of requests hit by a fault, by kind. */
  readonly faultsUsed: Readonly<Partial<Record<FaultEffect['kind'], number>>>;
  /** Number of waiting requests, by gate. */
  readonly waitingAtGates: Readonly<Record<string, number>>;
}

interface MutableActionCounts {
  total: number;
  byResult: Record<string, number>;
}

interface MutablePartCounts {
  accepted: number;
  duplicates: number;
  bytes: number;
}

export class RequestCounts {
  #requests = noRequests();
  #parts: MutablePartCounts = noParts();
  #bySha = new Map<string, MutablePartCounts>();
  #byKey = new Map<string, MutablePartCounts>();

  /** Counted on arrival, so that requests without a reply count too. */
  arrive(action: CountedAction | 'other'): void {
    this.#requests[action].total += 1;
  }

  result(action: CountedAction | 'other', result: string): void {
    const { byResult } = this.#requests[action];
    byResult[result] = (byResult[result] ?? 0) + 1;
  }

  part(fileSha: string, bytes: number, duplicate: boolean): void {
    this.#part(this.#bySha, fileSha, bytes, duplicate);
  }

  /** A part of a multipart upload of this object. */
  partOfKey(key: string, bytes: number, duplicate: boolean): void {
    this.#part(this.#byKey, key, bytes, duplicate);
  }

  #part(group: Map<string, MutablePartCounts>, name: string, bytes: number, duplicate: boolean): void {
    const own = group.get(name) ?? noParts();
    group.set(name, own);
    for (const counts of [this.#parts, own]) {
      counts.accepted += 1;
      counts.duplicates += duplicate ? 1 : 0;
      counts.bytes += bytes;
    }
  }

  snapshot(): Pick<EmulatorStats, 'requests' | 'parts'> {
    return structuredClone({
      requests: this.#requests,
      parts: {
        ...this.#parts,
        bySha: Object.fromEntries(this.#bySha),
        byKey: Object.fromEntries(this.#byKey),
      },
    });
  }

  reset(): void {
    this.#requests = noRequests();
    this.#parts = noParts();
    this.#bySha = new Map();
    this.#byKey = new Map();
  }
}

function noRequests(): Record<CountedAction | 'other', MutableActionCounts> {
  const none = (): MutableActionCounts => ({ total: 0, byResult: {} });
  const entries = [...COUNTED_ACTIONS, 'other' as const].map((action) => [action, none()]);
  return Object.fromEntries(entries) as Record<CountedAction | 'other', MutableActionCounts>;
}

function noParts(): MutablePartCounts {
  return { accepted: 0, duplicates: 0, bytes: 0 };
}
