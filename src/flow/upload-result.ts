import { defined } from '../base/defined.ts';
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
    ...{ outcome, fileId, url, fileSize: version.size, name, type },
    ...defined({ fileSha }),
    ...countParts(run, children, version.size, data.video.partSize),
    metadataApplied: outcome === 'completed',
    durationMs,
  };
}

function countParts(
  { attempt, round }: Run,
  children: Children,
  fileSize: number,
  requestedPartSize = fileSize,
): Pick<StoredResult, 'partsSent' | 'partsSkipped' | 'bytesSent'> {
  let partsSent = 0;
  let bytesSent = 0;
  let parts = partCount(fileSize, requestedPartSize);
  /** Of the first round with these parts: after a new session, all parts are sent again, and they may be larger. */
  let first: { readonly partSize: number; readonly missing: number } | undefined;
  for (let past = 0; past <= round; past++) {
    const run = { attempt, round: past };
    const init = parseInitValue(children.result(run, 'init'));
    if (init.kind === 'exists') continue;
    parts = partCount(fileSize, init.partSize);
    const recorded = init.sent ?? [];
    if (first?.partSize !== init.partSize)
      first = { partSize: init.partSize, missing: countIndices(union(init.missing, recorded)) };
    const sent = union(recorded, rangesOf(children.sentParts(run)));
    partsSent += countIndices(sent);
    bytesSent += bytesOf(sent, fileSize, init.partSize);
  }
  return { partsSent, partsSkipped: parts - (first?.missing ?? 0), bytesSent };
}
