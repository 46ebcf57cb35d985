import { formatFields } from '../base/columns.ts';
import { formatBytes, formatDuration } from '../base/format.ts';
import type { UploadResult } from '../index.ts';
import { labelOf } from '../terminal/label.ts';
import type { Outcome } from './upload-twice.ts';

/** Formats the results of the demo. */
export function summary(facts: Outcome & { readonly source: string; readonly totalMs: number }): string {
  const { first, second, fileSha, urlSha, requests, totalMs } = facts;
  const { InitUpload, UploadPart, FinishUpload } = requests;
  const verdict = fileSha === urlSha ? 'identical' : 'NOT IDENTICAL';
  const rows = formatFields([
    ['1st upload', describe(first)],
    ['2nd upload', describe(second)],
    ['fileId', first.fileId],
    ['url', first.url ?? undefined],
    ['SHA-1', `${fileSha}  of the file`],
    ['', `${urlSha}  of the video at the url: ${verdict}`],
    [
      'requests',
      `InitUpload ${InitUpload.total}, UploadPart ${UploadPart.total}, FinishUpload ${FinishUpload.total}`,
    ],
    ['time', `${formatDuration(totalMs)} in total`],
  ]);
  return `\n${labelOf(facts)}\n${rows}`;
}

function describe({ outcome, durationMs, fileSize, bytesSent, partsSent }: UploadResult): string {
  const time = `${outcome} in ${formatDuration(durationMs)}`;
  if (outcome === 'instant')
    return `${time}: VOD had the file already, none of ${formatBytes(fileSize)} was sent`;
  const speed = formatBytes(Math.round((bytesSent * 1000) / Math.max(1, durationMs)));
  return `${time}: ${formatBytes(bytesSent)} in ${partsSent} part${partsSent === 1 ? '' : 's'}, ${speed}/s`;
}
