import type { Metrics } from '../src/metrics.ts';
import type { Bandwidth } from '../src/queue/bandwidth.ts';
import { type Attempt, QuotaHold } from '../src/queue/consumer.ts';
import { PART_SKIPPED, type PartData } from '../src/queue/jobs.ts';
import type { Marks } from '../src/queue/marks.ts';
import { OpenFiles } from '../src/source/open-files.ts';
import type { PartReader } from '../src/upload/part-reader.ts';
import type { VodClient } from '../src/vod/client.ts';
import { VodTransportError } from '../src/vod/errors.ts';
import { PART_SIZES } from '../src/vod/protocol.ts';
import type { PartEnd, PartSlots } from './part-slots.ts';
import type { VodCall } from './vod-call.ts';

/** One part: reads its range into a buffer of its slot, and sends it with its MD5 by UploadPart. */
export function partProcessor(deps: {
  readonly roots: readonly string[];
  readonly reader: PartReader;
  readonly vod: VodClient;
  readonly call: VodCall;
  readonly marks: Marks;
  readonly metrics: Metrics;
  readonly slots: PartSlots;
  /** Absent when there is no cap on all replicas together. */
  readonly bandwidth: Bandwidth | undefined;
}): (data: PartData, attempt: Attempt) => Promise<typeof PART_SKIPPED | undefined> {
  const { metrics, slots } = deps;
  const files = new OpenFiles(deps.roots);
  // One buffer per slot, made when it is first needed and used again for every part after.
  const buffers: Uint8Array<SharedArrayBuffer>[] = [];

  return async (data, { signal, restarted }) => {
    if (!(await deps.marks.isAlive(data.uploadId, data.run.attempt))) {
      metrics.parts.inc({ outcome: 'skipped' });
      return PART_SKIPPED;
    }
    // Before the slot counts as in use: more slots would not help against the cap.
    await deps.bandwidth?.take(data.dataSize, signal);
    const buffer = buffers.pop() ?? new Uint8Array(new SharedArrayBuffer(PART_SIZES[1]));
    let end: PartEnd = 'other';
    slots.began();
    metrics.partsInFlight.inc();
    const startedAt = performance.now();
    const ended = (outcome: 'ok' | 'failed' | 'aborted'): void => {
      metrics.parts.inc({ outcome });
      metrics.partDuration.observe({ outcome }, (performance.now() - startedAt) / 1000);
    };
    try {
      const body = buffer.subarray(0, data.dataSize);
      const { source, hashed } = data;
      const { fileSha } = hashed;
      const dataMd5 = await files.use(source, hashed.version, (file) =>
        deps.reader.read(file, body, data.offset),
      );
      await deps.call(() => deps.vod.uploadPart({ fileSha, offset: data.offset, dataMd5, body }, signal));
      ended('ok');
      end = { bytes: data.dataSize };
      metrics.uploadBytes.inc({ disposition: restarted ? 'resent' : 'sent' }, data.dataSize);
      return undefined;
    } catch (error) {
      ended(signal.aborted ? 'aborted' : 'failed');
      if (isStrain(error)) end = 'strained';
      throw error;
    } finally {
      metrics.partsInFlight.dec();
      slots.ended(end);
      buffers.push(buffer);
    }
  };
}

/** Whether an error says that this is more than the line, VOD or the account takes. */
function isStrain(error: unknown): boolean {
  return error instanceof QuotaHold || (error instanceof VodTransportError && error.code === 'TIMEOUT');
}
