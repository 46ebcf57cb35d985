import { UploaderError } from '../base/errors.ts';
import { loadConfig } from '../config/config.ts';
import type { Upload, VodUploads } from '../index.ts';
import { EXIT } from '../terminal/context.ts';
import type { Definition } from './definition.ts';
import { describeStatus } from './describe-status.ts';
import { withProducer } from './producer.ts';
import { jsonLine, recordOf } from './record.ts';

const EXAMPLES = `
Examples:
  vod-upload status u65f0c1d2e3b4a5968778695a
  vod-upload status u65f0c1d2e3b4a5968778695a --json | jq -r .outcome

The exit code is 0 if the upload exists, in any state, and 2 if it does not.`;

/** `vod-upload status ID` */
export function defineStatus({ command, action, context }: Definition): void {
  command('status')
    .description('print the state of an upload')
    .argument('<ID>', 'id of the upload, as printed by add and list')
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(
      action(async (id: string, { json }: { json?: boolean }) => {
        await withProducer(loadConfig(context.env), async (uploads) => {
          const upload = await existing(uploads, id);
          const [status, events] = await Promise.all([upload.status(), upload.events()]);
          context.out.write(
            json ? jsonLine({ ...recordOf(status), events }) : describeStatus(status, events),
          );
        });
        return EXIT.done;
      }),
    );
}

/** @throws {UploaderError} `NOT_FOUND` */
export async function existing(uploads: VodUploads, id: string): Promise<Upload> {
  const upload = await uploads.get(id);
  if (upload !== undefined) return upload;
  throw new UploaderError(
    'NOT_FOUND',
    `there is no upload ${id}; finished uploads are kept for a limited time`,
  );
}
