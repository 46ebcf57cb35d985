import type { UploadBackend } from '../src/backend/backend.ts';
import type { AbortFlags } from '../src/flow/abort-flags.ts';
import type { JobContext } from '../src/queue/consumer.ts';
import { PART_SAME, PART_SKIPPED, type PartData, type PartValue } from '../src/queue/jobs/part.ts';
import { CongestionError, QuotaHoldError } from '../src/queue/postpone-errors.ts';
import type { SharedRate } from '../src/redis/shared-rate.ts';
import type { OpenFileCache } from '../src/source/open-file-cache.ts';
import type { FileSource } from '../src/source/source.ts';
import type { WorkerMetrics } from '../src/telemetry/worker-metrics.ts';
import { PART_SIZES } from '../src/vod/wire/protocol.ts';
import { VodError, VodTransportError } from '../src/vod/wire/vod-error.ts';
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
  readonly call: VodCall;
  readonly abortFlags: AbortFlags;
  readonly metrics: WorkerMetrics;
}

/** Reads one part into a buffer, and sends it with its MD5 unless VOD already has it with this MD5. */
export function partProcessor(
  deps: PartDependencies,
): (data: PartData, attempt: JobContext) => Promise<PartValue> {
  const { files, slots, metrics } = deps;
  // One buffer per active job: allocated when first needed, and reused for later parts.
  const buffers: Uint8Array<SharedArrayBuffer>[] = [];

  return async (data, attempt) => {
    const { signal, restarted } = attempt;
    deps.call.throwIfFull();
    if (!(await deps.abortFlags.isActive(data.uploadId, data.run.attempt))) {
      metrics.parts.inc({ outcome: 'skipped' });
      return PART_SKIPPED;
    }
    const buffer = buffers.pop() ?? new Uint8Array(new SharedArrayBuffer(PART_SIZES[1]));
    let isRead = false;
    try {
      const body = buffer.subarray(0, data.dataSize);
      const { source, hashed, offset } = data;
      const read = (file: FileSource): Promise<string> => file.read(body, offset, { digest: 'md5', signal });
      const md5 = await slots.reading(() => files.use(source, hashed.version, read, signal));
      isRead = true;
      if (md5 === data.listedMd5) {
        metrics.parts.inc({ outcome: 'skipped' });
        return PART_SAME;
      }
      // Before it occupies a slot: more slots would not help against a bandwidth limit.
      await deps.bandwidth.take(data.dataSize, signal);
      await send(deps, data, { body, md5 }, attempt);
      metrics.parts.inc({ outcome: 'ok' });
      metrics.uploadBytes.inc({ disposition: restarted ? 'resent' : 'sent' }, data.dataSize);
      return undefined;
    } catch (error) {
      metrics.parts.inc({ outcome: signal.aborted ? 'aborted' : 'failed' });
      throw error;
    } finally {
      // A failed read may still write into the buffer. With fewer slots than before, fewer buffers are needed.
      if (isRead && buffers.length < slots.jobs) buffers.push(buffer);
    }
  };
}

/** Sends the part as soon as it has a slot. @throws {CongestionError} when it timed out only because too many were in flight */
async function send(
  { slots, metrics, call, backend }: PartDependencies,
  { uploadId, offset, dataSize, hashed: { fileSha } }: PartData,
  { body, md5 }: { readonly body: Uint8Array; readonly md5: string },
  { signal, starts }: JobContext,
): Promise<void> {
  const leave = await slots.enter(signal);
  metrics.partsInFlight.inc();
  const startedAt = performance.now();
  const observe = (outcome: 'ok' | 'failed' | 'aborted'): void =>
    metrics.partDuration.observe({ outcome }, (performance.now() - startedAt) / 1000);
  try {
    const part = { file: { uploadId, fileSha }, offset, body, md5 };
    await call.run(() => backend.sendPart(part, signal));
    observe('ok');
    leave({ bytes: dataSize });
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
