import { formatFields } from '../base/columns.ts';
import { formatBytes, formatDuration } from '../base/format.ts';
import { printable } from '../base/printable.ts';
import type { CliContext } from '../terminal/context.ts';
import { labelOf } from '../terminal/label.ts';
import { hasFailed, jsonLine, type UploadRecord } from './record.ts';

/** Prints how an upload ended: a failure on standard error, a video on standard output unless `json`. */
export function printEnd(
  record: UploadRecord,
  { json, context }: { json: boolean; context: CliContext },
): void {
  if (hasFailed(record)) context.err.write(`vod-upload: ${describeFailure(record)}\n`);
  else if (!json) context.out.write(describeVideo(record));
}

/** Prints uploads that were just enqueued or existed before. */
export function printEnqueued(
  records: readonly UploadRecord[],
  { json, context }: { json: boolean; context: CliContext },
): void {
  const { out } = context;
  for (const record of records) {
    if (json) out.write(jsonLine(record));
    if (hasFailed(record)) context.err.write(`vod-upload: ${describeFailure(record)}\n`);
    else if (!json && record.fileId !== null) out.write(describeVideo(record));
    else if (!json)
      out.write(
        `${printable(record.id ?? '')}  ${labelOf(record)}: ${record.created ? 'queued' : `exists already, ${record.outcome}`}\n`,
      );
  }
  const [first] = records.filter((record) => !hasFailed(record) && record.fileId === null);
  if (!json && first !== undefined)
    out.write(
      `follow ${records.length > 1 ? 'one' : 'it'}: vod-upload status ${printable(first.id ?? '')}\n`,
    );
}

function describeVideo(record: UploadRecord): string {
  const { outcome, durationMs, fileSize, bytesSent, partsSent, partsSkipped } = record;
  const took = durationMs === null ? '' : ` in ${formatDuration(durationMs)}`;
  const amount =
    outcome === 'instant'
      ? `${formatBytes(fileSize ?? 0)}; VOD had it already, nothing was sent; it keeps its name and tags in VOD`
      : `sent ${formatBytes(bytesSent ?? 0)} in ${partsSent} part${partsSent === 1 ? '' : 's'}` +
        (partsSkipped ? `; VOD had ${partsSkipped} parts already` : '');
  const video = formatFields(
    [
      ['fileId', record.fileId ?? undefined],
      ['url', record.url ?? undefined],
      ['SHA-1', record.fileSha ?? undefined],
    ],
    '  ',
  );
  return `${labelOf(record)}: ${outcome}${took}, ${amount}\n${video}`;
}

function describeFailure(record: UploadRecord): string {
  const { outcome, error } = record;
  const reason = error === undefined ? '' : `: ${printable(error.message)} [${error.code}]`;
  if (record.id === null) return `${labelOf(record)} was not enqueued${reason}`;
  const id = printable(record.id);
  const hint = error?.retryable
    ? `to retry: vod-upload retry ${id}`
    : `after fixing the cause: vod-upload retry ${id}`;
  return outcome === 'cancelled'
    ? `${labelOf(record)} was cancelled (vod-upload retry ${id} resumes it)`
    : `${labelOf(record)} failed${reason}\n  ${hint}`;
}
