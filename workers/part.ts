import type { Metrics } from '../src/metrics.ts';
import type { Attempt } from '../src/queue/consumer.ts';
import { PART_SKIPPED, type PartData } from '../src/queue/jobs.ts';
import type { Marks } from '../src/queue/marks.ts';
import type { OpenFiles } from '../src/source/open-files.ts';
import type { PartReader } from '../src/upload/part-reader.ts';
import type { VodClient } from '../src/vod/client.ts';
import { PART_SIZES } from '../src/vod/protocol.ts';
import type { VodCall } from './vod-call.ts';

/** One part: reads its range into a buffer of its slot, and sends it with its MD5 by UploadPart. */
export function partProcessor(deps: {
  readonly files: OpenFiles;
  readonly reader: PartReader;
  readonly vod: VodClient;
  readonly call: VodCall;
  readonly marks: Marks;
  readonly metrics: Metrics;
}): (data: PartData, attempt: Attempt) => Promise<typeof PART_SKIPPED | undefined> {
  const { files, metrics } = deps;
  // One buffer per slot, made when it is first needed and used again for every part after.
  const buffers: Uint8Array<SharedArrayBuffer>[] = [];

  return async (data, { signal, restarted }) => {
    if (!(await deps.marks.isAlive(data.uploadId, data.run.attempt))) {
      metrics.parts.inc({ outcome: 'skipped' });
      return PART_SKIPPED;
    }
    const buffer = buffers.pop() ?? new Uint8Array(new SharedArrayBuffer(PART_SIZES[1]));
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
      metrics.uploadBytes.inc({ disposition: restarted ? 'resent' : 'sent' }, data.dataSize);
      return undefined;
    } catch (error) {
      ended(signal.aborted ? 'aborted' : 'failed');
      throw error;
    } finally {
      metrics.partsInFlight.dec();
      buffers.push(buffer);
    }
  };
}
