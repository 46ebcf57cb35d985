import type { AbortFlags } from '../src/flow/abort-flags.ts';
import { CongestionError, type JobContext, QuotaHoldError } from '../src/queue/consumer.ts';
import { PART_SAME, PART_SKIPPED, type PartData, type PartValue } from '../src/queue/jobs/part.ts';
import type { SharedRate } from '../src/redis/shared-rate.ts';
import type { OpenFileCache } from '../src/source/open-file-cache.ts';
import type { FileSource } from '../src/source/source.ts';
import type { WorkerMetrics } from '../src/telemetry/worker-metrics.ts';
import type { VodClient } from '../src/vod/client.ts';
import { PART_SIZES } from '../src/vod/wire/protocol.ts';
import { VodError, VodTransportError } from '../src/vod/wire/vod-error.ts';
import type { PartSlots } from './part-slots.ts';
import type { VodCall } from './vod-call.ts';

/** More starts than it takes from 512 slots to one: a part that is still too much then has a trouble of its own. */
const MOST_STRAINED_STARTS = 20;

/**
 * One part: reads its range into a buffer, and sends it with its MD5 by UploadPart as soon as it has a slot; unless VOD lists
 * the part with just this MD5.
 */
export function partProcessor(deps: {
  readonly files: OpenFileCache;
  readonly slots: PartSlots;
  /** Absent when there is no cap on all replicas together. */
  readonly bandwidth: SharedRate | undefined;
  readonly vod: VodClient;
  readonly call: VodCall;
  readonly abortFlags: AbortFlags;
  readonly metrics: WorkerMetrics;
}): (data: PartData, attempt: JobContext) => Promise<PartValue> {
  const { files, slots, metrics } = deps;
  // One buffer per job at work, made when it is first needed and used again for every part after.
  const buffers: Uint8Array<SharedArrayBuffer>[] = [];

  async function send(
    data: PartData,
    body: Uint8Array,
    dataMd5: string,
    { signal, starts }: JobContext,
  ): Promise<void> {
    const { offset, hashed } = data;
    const leave = await slots.enter(signal);
    metrics.partsInFlight.inc();
    const startedAt = performance.now();
    const ended = (outcome: 'ok' | 'failed' | 'aborted'): void =>
      metrics.partDuration.observe({ outcome }, (performance.now() - startedAt) / 1000);
    try {
      await deps.call(() => deps.vod.uploadPart({ fileSha: hashed.fileSha, offset, dataMd5, body }, signal));
      ended('ok');
      leave({ bytes: data.dataSize });
    } catch (error) {
      ended(signal.aborted ? 'aborted' : 'failed');
      const fewer = leave(isStrain(error) ? 'strained' : 'other');
      // What it was sent among was too much: that it failed says nothing of the part.
      const spared = fewer && starts < MOST_STRAINED_STARTS && error instanceof VodError && error.congested;
      throw spared ? new CongestionError(error) : error;
    } finally {
      metrics.partsInFlight.dec();
    }
  }

  return async (data, attempt) => {
    const { signal, restarted } = attempt;
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
      const dataMd5 = await files.use(source, hashed.version, read, signal);
      isRead = true;
      if (dataMd5 === data.listedMd5) {
        metrics.parts.inc({ outcome: 'skipped' });
        return PART_SAME;
      }
      // Before it has a slot: more slots would not help against the cap.
      await deps.bandwidth?.take(data.dataSize, signal);
      await send(data, body, dataMd5, attempt);
      metrics.parts.inc({ outcome: 'ok' });
      metrics.uploadBytes.inc({ disposition: restarted ? 'resent' : 'sent' }, data.dataSize);
      return undefined;
    } catch (error) {
      metrics.parts.inc({ outcome: signal.aborted ? 'aborted' : 'failed' });
      throw error;
    } finally {
      // A read that failed may still write into it.
      if (isRead) buffers.push(buffer);
    }
  };
}

/** Whether an error says that this is more than the line, VOD or the account takes. */
function isStrain(error: unknown): boolean {
  return error instanceof QuotaHoldError || (error instanceof VodTransportError && error.code === 'TIMEOUT');
}
