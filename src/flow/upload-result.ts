import { parseHashed } from '../queue/jobs/hash.ts';
import { parseInitValue } from '../queue/jobs/init.ts';
import type { UploadData } from '../queue/jobs/upload.ts';
import type { StoredResult } from '../queue/jobs/upload-result.ts';
import type { Run } from '../queue/names.ts';
import { bytesOf, partCount } from '../upload/plan.ts';
import { countIndices, rangesOf, union } from '../upload/ranges.ts';
import type { Children } from './children.ts';

/** The result of an upload whose file VOD has. Its counts are sums over all rounds of this attempt. */
export function uploadResult(
  { outcome, fileId, url }: Pick<StoredResult, 'outcome' | 'fileId' | 'url'>,
  upload: {
    readonly data: UploadData;
    readonly run: Run;
    readonly children: Children;
    readonly durationMs: number;
  },
): StoredResult {
  const { data, run, children, durationMs } = upload;
  const { fileSha, version } = parseHashed(children.result(run, 'hash'));
  const { name, type } = data.video;
  return {
    ...{ outcome, fileId, url, fileSha, fileSize: version.size, name, type },
    ...countParts(run, children, version.size, data.video.partSize),
    metadataApplied: outcome === 'completed',
    durationMs,
  };
}

function countParts(
  { attempt, round }: Run,
  children: Children,
  fileSize: number,
  requestedPartSize: UploadData['video']['partSize'],
): Pick<StoredResult, 'partsSent' | 'partsSkipped' | 'bytesSent'> {
  let partsSent = 0;
  let bytesSent = 0;
  let parts = partCount(fileSize, requestedPartSize);
  let missingAtFirst: number | undefined;
  for (let past = 0; past <= round; past++) {
    const run = { attempt, round: past };
    const init = parseInitValue(children.result(run, 'init'));
    if (init.kind === 'exists') continue;
    parts = partCount(fileSize, init.partSize);
    const recorded = init.sent ?? [];
    missingAtFirst ??= countIndices(union(init.missing, recorded));
    const sent = union(recorded, rangesOf(children.sentParts(run)));
    partsSent += countIndices(sent);
    bytesSent += bytesOf(sent, fileSize, init.partSize);
  }
  return { partsSent, partsSkipped: parts - (missingAtFirst ?? 0), bytesSent };
}
