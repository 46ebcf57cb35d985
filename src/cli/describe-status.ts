import { formatFields } from '../base/columns.ts';
import { formatBytes, formatDuration, formatTime } from '../base/format.ts';
import type { ReceivedEvent, UploadStatus } from '../index.ts';
import { describeHold } from '../quota/hold.ts';
import { formatStageProgress, stageProgress } from '../upload/stage-progress.ts';

/** Formats an upload and the events received for its video, one label and value per line. */
export function describeStatus(status: UploadStatus, events: readonly ReceivedEvent[] = []): string {
  const { id, state, source, name, type, key, attempt, createdAt, finishedAt, progress, result, error } =
    status;
  const amounts = formatStageProgress(stageProgress(progress));
  const outcome = result?.outcome === 'instant' ? `${state}; VOD had the file already` : state;
  return formatFields([
    ['id', id],
    ['state', amounts === '' ? outcome : `${outcome}  ${amounts}`],
    ['source', source],
    ['name', `${name}.${type}`],
    ['waiting', progress.hold && describeHold(progress.hold)],
    ['size', progress.totalBytes > 0 ? formatBytes(progress.totalBytes) : undefined],
    ['key', key],
    ['attempt', attempt > 1 ? String(attempt) : undefined],
    ['enqueued', formatTime(createdAt)],
    ['ended', finishedAt && formatTime(finishedAt)],
    ['took', result && formatDuration(result.durationMs)],
    ['fileId', result?.fileId],
    ['url', result?.url ?? undefined],
    ['SHA-1', result?.fileSha ?? undefined],
    ...events.map(({ at, event }): [string, string] => ['event', `${event.eventType}  ${formatTime(at)}`]),
    ['error', error && `${error.message} [${error.code}]`],
    ['retry', error && `vod-upload retry ${id}`],
  ]);
}
