import { createHash } from 'node:crypto';
import type {
  BegunUpload,
  PartBody,
  PartToSend,
  PieceDigest,
  UploadBackend,
} from '../src/backend/backend.ts';
import { defined } from '../src/base/defined.ts';
import type { AbortFlags } from '../src/flow/abort-flags.ts';
import type { Sessions } from '../src/flow/sessions.ts';
import type { JobContext } from '../src/queue/consumer.ts';
import {
  expiredValue,
  PART_SKIPPED,
  type PartData,
  type PartValue,
  partValue,
} from '../src/queue/jobs/part.ts';
import { CongestionError, QuotaHoldError } from '../src/queue/postpone-errors.ts';
import type { SharedRate } from '../src/redis/shared-rate.ts';
import type { OpenFileCache } from '../src/source/open-file-cache.ts';
import type { WorkerMetrics } from '../src/telemetry/worker-metrics.ts';
import { VodError, VodTransportError } from '../src/vod/wire/vod-error.ts';
import { PartBodies, type ReadPart } from './part-bodies.ts';
import type { PartSlots } from './part-slots.ts';
import type { VodCall } from './vod-call.ts';

/** More starts than it takes to go from 512 slots to one: a part that still times out then spends its attempts. */
const MAX_STRAINED_STARTS = 20;

interface PartDependencies {
  readonly files: OpenFileCache;
  readonly slots: PartSlots;
  /** The bandwidth limit of all replicas together. */
  readonly bandwidth: SharedRate;
  readonly backend: UploadBackend;
  readonly sessions: Sessions;
  readonly call: VodCall;
  readonly abortFlags: AbortFlags;
  readonly metrics: WorkerMetrics;
}

/** Reads one part, and sends it unless VOD already has it with the same MD5. */
export function partProcessor(
  deps: PartDependencies,
): (data: PartData, attempt: JobContext) => Promise<PartValue> {
  const { backend, files, slots, bandwidth, metrics } = deps;
  const bodies = new PartBodies({ files, digest: backend.partDigest, keep: () => slots.jobs });

  return async (data, attempt) => {
    const { signal, restarted } = attempt;
    const { uploadId, run, offset, dataSize, listedMd5 } = data;
    deps.call.throwIfFull();
    const upload = await activeUpload(data, deps);
    if (upload === undefined) {
      metrics.parts.inc({ outcome: 'skipped' });
      return PART_SKIPPED;
    }
    const overBy = deps.sessions.overBy(uploadId, run);
    if (overBy !== undefined) {
      metrics.parts.inc({ outcome: 'skipped' });
      return expiredValue(overBy);
    }
    const read = (): Promise<ReadPart> => slots.reading(() => bodies.read(data, signal));
    let part: ReadPart | undefined;
    try {
      part = await read();
      if (listedMd5 !== undefined) {
        const { md5, pieces } = await digests(part.body, signal);
        if (md5 === listedMd5) {
          metrics.parts.inc({ outcome: 'skipped' });
          return partValue('same', await backend.checksumOf({ upload, offset, md5, pieces }));
        }
        // Its pieces can be read once only.
        if (part.body.whole === undefined) {
          part.release();
          part = await read();
        }
      }
      const body = await limited(part.body, bandwidth, signal);
      const checksum = await send(deps, { upload, offset, body }, attempt);
      metrics.parts.inc({ outcome: 'ok' });
      metrics.uploadBytes.inc({ disposition: restarted ? 'resent' : 'sent' }, dataSize);
      return partValue('sent', checksum);
    } catch (error) {
      if (error instanceof VodError && error.kind === 'session') {
        deps.sessions.setOver(uploadId, run, error.code);
        metrics.parts.inc({ outcome: 'skipped' });
        return expiredValue(error.code);
      }
      metrics.parts.inc({ outcome: signal.aborted ? 'aborted' : 'failed' });
      throw error;
    } finally {
      part?.release();
    }
  };
}

/** The upload of a part. @returns undefined if it has ended */
async function activeUpload(
  { uploadId, run, hashed, session: hasSession }: PartData,
  { abortFlags, sessions }: PartDependencies,
): Promise<BegunUpload | undefined> {
  const [isActive, session] = await Promise.all([
    abortFlags.isActive(uploadId, run.attempt),
    hasSession ? sessions.read(uploadId, run) : undefined,
  ]);
  if (!isActive || (hasSession && session === undefined)) return undefined;
  return { uploadId, ...defined({ fileSha: hashed.fileSha, session }) };
}

/** The MD5 of a part, in lower-case hex, and the digests of its pieces. */
async function digests(
  body: PartBody,
  signal: AbortSignal,
): Promise<{ readonly md5: string; readonly pieces: readonly PieceDigest[] }> {
  const md5 = createHash('md5');
  const pieces: PieceDigest[] = [];
  for await (const piece of body.pieces(signal, (digest) => pieces.push(digest))) md5.update(piece);
  return { md5: md5.digest('hex'), pieces };
}

/**
 * The same body within the bandwidth limit of all replicas. A whole part waits here, before it occupies a slot: more slots
 * would not help against a bandwidth limit.
 */
async function limited(body: PartBody, bandwidth: SharedRate, signal: AbortSignal): Promise<PartBody> {
  if (body.whole !== undefined) {
    await bandwidth.take(body.byteLength, signal);
    return body;
  }
  return {
    byteLength: body.byteLength,
    async *pieces(signal, onDigest) {
      for await (const piece of body.pieces(signal, onDigest)) {
        await bandwidth.take(piece.length, signal);
        yield piece;
      }
    },
  };
}

/**
 * Sends the part as soon as it has a slot.
 * @returns its checksum
 * @throws {CongestionError} when it timed out only because too many were in flight
 */
async function send(
  { slots, metrics, call, backend }: PartDependencies,
  part: PartToSend,
  { signal, starts }: JobContext,
): Promise<string | undefined> {
  const leave = await slots.enter(signal);
  metrics.partsInFlight.inc();
  const startedAt = performance.now();
  const observe = (outcome: 'ok' | 'failed' | 'aborted'): void =>
    metrics.partDuration.observe({ outcome }, (performance.now() - startedAt) / 1000);
  try {
    const checksum = await call.run(() => backend.sendPart(part, signal));
    observe('ok');
    leave({ bytes: part.body.byteLength });
    return checksum;
  } catch (error) {
    observe(signal.aborted ? 'aborted' : 'failed');
    const hasFewerSlots = leave(isOverload(error) ? 'overloaded' : 'other');
    // Too many parts were in flight; the failure says nothing about this part.
    const keepsAttempt =
      hasFewerSlots && starts < MAX_STRAINED_STARTS && error instanceof VodError && error.congested;
    throw keepsAttempt ? new CongestionError(error) : error;
  } finally {
    metrics.partsInFlight.dec();
  }
}

/** Whether an error means that the line, VOD or the account can't take this much at a time. */
function isOverload(error: unknown): boolean {
  if (error instanceof QuotaHoldError) return error.cause !== undefined;
  return error instanceof VodTransportError && error.code === 'TIMEOUT';
}
