import { formatFields } from '../base/columns.ts';
import { formatBytes, formatDuration } from '../base/format.ts';
import type { UploadResult } from '../index.ts';
import { labelOf } from '../terminal/label.ts';
import type { VodApi } from '../vod/wire/protocol.ts';
import type { Outcome } from './upload-twice.ts';

const API_NAMES: Readonly<Record<VodApi, string>> = { v2: 'v2', '2018-07-17': 'API 3.0 (2018-07-17)' };

/** Who knew that nothing was to send. */
const HAD: Readonly<Record<VodApi, string>> = {
  v2: 'VOD had the file already',
  '2018-07-17': 'an upload with the same SHA-1 has a video already (option hash)',
};

/** Formats the results of the demo. */
export function summary(
  facts: Outcome & { readonly api: VodApi; readonly source: string; readonly totalMs: number },
): string {
  const { api, first, second, fileSha, urlSha, requests, totalMs } = facts;
  const verdict = fileSha === urlSha ? 'identical' : 'NOT IDENTICAL';
  const rows = formatFields([
    ['API', API_NAMES[api]],
    ['1st upload', describe(first, api)],
    ['2nd upload', describe(second, api)],
    ['fileId', first.fileId],
    ['url', first.url ?? undefined],
    ['SHA-1', `${fileSha}  of the file`],
    ['', `${urlSha}  of the video at the url: ${verdict}`],
    ['requests', countsOf(requests)],
    ['time', `${formatDuration(totalMs)} in total`],
  ]);
  return `\n${labelOf(facts)}\n${rows}`;
}

/** In the order in which an upload makes them. */
const ACTIONS = [
  ...(['InitUpload', 'ApplyUpload', 'InitiateMultipartUpload', 'UploadPart', 'FinishUpload'] as const),
  ...(['ListParts', 'CompleteMultipartUpload', 'PutObject', 'HeadObject', 'CommitUpload'] as const),
  'DescribeMediaInfos',
] as const;

function countsOf(requests: Outcome['requests']): string {
  const counts = ACTIONS.map(
    (action) => [action, requests[action].total - keyChecks(requests[action])] as const,
  );
  const made = counts.filter(([, count]) => count > 0);
  return made.map(([action, count]) => `${action} ${count}`).join(', ');
}

/** Workers check their key by API 3.0 with a CommitUpload of an invented session; by v2 the emulator counts it apart. */
function keyChecks({ byResult }: Outcome['requests']['CommitUpload']): number {
  return byResult['InvalidParameterValue.VodSessionKey'] ?? 0;
}

function describe(
  { outcome, durationMs, fileSize, bytesSent, partsSent }: UploadResult,
  api: VodApi,
): string {
  const time = `${outcome} in ${formatDuration(durationMs)}`;
  if (outcome === 'instant') return `${time}: ${HAD[api]}, none of ${formatBytes(fileSize)} was sent`;
  const speed = formatBytes(Math.round((bytesSent * 1000) / Math.max(1, durationMs)));
  return `${time}: ${formatBytes(bytesSent)} in ${partsSent} part${partsSent === 1 ? '' : 's'}, ${speed}/s`;
}
