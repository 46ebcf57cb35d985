import { formatTable, truncated } from '../base/columns.ts';
import { formatBytes, formatTime } from '../base/format.ts';
import { printable } from '../base/printable.ts';
import { loadConfig } from '../config/config.ts';
import type { ListOptions, UploadStatus } from '../index.ts';
import { EXIT } from '../terminal/context.ts';
import { labelOf } from '../terminal/label.ts';
import { describeQuotaWait } from '../upload/stage-progress.ts';
import type { Definition } from './definition.ts';
import { parseWholeNumber } from './parse.ts';
import { withProducer } from './producer.ts';
import { jsonLine, recordOf } from './record.ts';

const EXAMPLES = `
Examples:
  vod-upload list
  vod-upload list --state failed --limit 500
  vod-upload list --search launch                    by file name, key, id, SHA-1 or fileId
  vod-upload list --state failed --json | jq -r .id | xargs -n 1 vod-upload retry

States: queued, hashing, initializing, uploading, finishing, transcoding, completed, failed, cancelled.`;

/** `vod-upload list` */
export function defineList({ command, action, context }: Definition): void {
  command('list')
    .description('list uploads, newest first')
    .option('--state <state>', 'only uploads in this state')
    .option(
      '--search <text>',
      'only uploads with this text in the file name or key, or with this id, SHA-1 or fileId',
    )
    .option('--limit <number>', 'maximum number of uploads, up to 1000; default 50', parseWholeNumber)
    .option('--json', 'print one JSON object per upload and line')
    .addHelpText('after', EXAMPLES)
    .action(
      action(async ({ json, ...options }: ListOptions & { json?: boolean }) => {
        await withProducer(loadConfig(context.env), async (uploads) => {
          const found = await uploads.list(options);
          if (json) for (const status of found) context.out.write(jsonLine(recordOf(status)));
          else if (found.length > 0) context.out.write(table(found));
          else context.err.write('no uploads\n');
        });
        return EXIT.done;
      }),
    );
}

const NAME_WIDTH = 32;

function table(found: readonly UploadStatus[]): string {
  const rows = found.map((status) => [
    printable(status.id),
    status.state,
    doneOf(status),
    status.progress.totalBytes > 0 ? formatBytes(status.progress.totalBytes) : '',
    formatTime(status.createdAt),
    truncated(labelOf(status), NAME_WIDTH) + waitOf(status),
  ]);
  return formatTable([['ID', 'STATE', 'DONE', 'SIZE', 'ENQUEUED', 'FILE'], ...rows]);
}

function waitOf({ progress: { quotaWaitMs } }: UploadStatus): string {
  return quotaWaitMs === undefined ? '' : ` (${describeQuotaWait(quotaWaitMs)})`;
}

/** Percentage of bytes that VOD has; for a failed upload its error code. */
function doneOf({ state, progress, error }: UploadStatus): string {
  if (state === 'failed' && error !== undefined) return error.code;
  if (state === 'hashing') return '0 %';
  return progress.totalBytes > 0 ? `${Math.floor((100 * progress.bytesSent) / progress.totalBytes)} %` : '';
}
