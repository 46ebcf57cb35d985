import { printable } from '../base/printable.ts';
import { loadConfig } from '../config/config.ts';
import type { UploadProgress, UploadStatus } from '../index.ts';
import { firstStopSignal } from '../process/stop-signals.ts';
import { type CliContext, EXIT } from '../terminal/context.ts';
import { labelOf } from '../terminal/label.ts';
import type { Definition } from './definition.ts';
import { withProducer } from './producer.ts';
import { hasFailed, jsonLine, recordOf } from './record.ts';
import { printEnd } from './report.ts';
import { waitForEnds } from './wait.ts';

const EXAMPLES = `
Examples:
  vod-upload retry u65f0c1d2e3b4a5968778695a
  vod-upload retry u65f0c1d2e3b4a5968778695a --wait

Parts that VOD has already are not sent again.`;

interface RetryOptions {
  readonly wait?: boolean;
  readonly json?: boolean;
}

/** `vod-upload retry ID` */
export function defineRetry({ command, action, context }: Definition): void {
  command('retry')
    .description('retry a failed or cancelled upload')
    .argument('<ID>', 'id of the upload')
    .option('--wait', 'wait until the upload has ended, and show progress')
    .option('--json', 'print one JSON object; with --wait when the upload or the waiting ends')
    .addHelpText('after', EXAMPLES)
    .action(action((id, options) => retry(id, options, context)));
}

async function retry(id: string, { wait, json = false }: RetryOptions, context: CliContext): Promise<number> {
  const stopping = wait ? firstStopSignal() : undefined;
  return await withProducer(loadConfig(context.env), async (uploads) => {
    const upload = await uploads.retry(id);
    const status = await upload.status();
    if (stopping === undefined) {
      context.out.write(
        json ? jsonLine(recordOf(status)) : `${printable(id)}  ${labelOf(status)}: queued again\n`,
      );
      return EXIT.done;
    }
    let last = status;
    const onProgress = (progress: UploadProgress): void => {
      last = { ...last, state: progress.stage, progress };
    };
    const onEnd = (ended: UploadStatus): void => {
      last = ended;
    };
    try {
      await waitForEnds([{ upload, label: labelOf(status) }], {
        ...{ json, context, onProgress, onEnd, stopSignal: stopping.received },
      });
    } finally {
      stopping.ignore();
      if (json) context.out.write(jsonLine(recordOf(last)));
    }
    const record = recordOf(last);
    printEnd(record, { json, context });
    return hasFailed(record) ? EXIT.failed : EXIT.done;
  });
}
