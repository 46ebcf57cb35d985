import { printable } from '../base/printable.ts';
import { loadConfig } from '../config/config.ts';
import type { UploadStatus } from '../index.ts';
import { EXIT } from '../terminal/context.ts';
import { labelOf } from '../terminal/label.ts';
import type { Definition } from './definition.ts';
import { withProducer } from './producer.ts';
import { jsonLine, recordOf } from './record.ts';
import { existing } from './status.ts';

const EXAMPLES = `
Examples:
  vod-upload cancel u65f0c1d2e3b4a5968778695a
  vod-upload list --state uploading --json | jq -r .id | xargs -n 1 vod-upload cancel

Parts that VOD has received stay there for a while; vod-upload retry continues from them.
The exit code is 1 if the upload had already completed or failed.`;

/** `vod-upload cancel ID` */
export function defineCancel({ command, action, context }: Definition): void {
  command('cancel')
    .description('cancel an upload, in any state')
    .argument('<ID>', 'id of the upload')
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(
      action((id: string, { json }: { json?: boolean }) =>
        withProducer(loadConfig(context.env), async (uploads) => {
          const cancelled = await uploads.cancel(id);
          const status = await (await existing(uploads, id)).status();
          if (json) context.out.write(jsonLine(recordOf(status)));
          else if (cancelled) context.out.write(describe(status));
          if (!cancelled)
            context.err.write(
              `vod-upload: ${printable(id)} is not cancelled: it has already ${status.state}\n`,
            );
          return cancelled ? EXIT.done : EXIT.failed;
        }),
      ),
    );
}

function describe(status: UploadStatus): string {
  const { state } = status;
  const id = printable(status.id);
  if (state === 'cancelled') return `${id}  ${labelOf(status)}: cancelled\n`;
  return `${id}  ${labelOf(status)}: cancel requested; a worker will end it\n`;
}
