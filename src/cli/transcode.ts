import { printable, printableJson } from '../base/printable.ts';
import { loadConfig } from '../config/config.ts';
import type { TranscodeOptions } from '../index.ts';
import { type CliContext, EXIT } from '../terminal/context.ts';
import type { Definition } from './definition.ts';
import { withProducer } from './producer.ts';

const EXAMPLES = `
Examples:
  vod-upload transcode 14508071098244931831
  vod-upload transcode 14508071098244931831 --screenshot --wait
  vod-upload transcode 14508071098244931831 --procedure LongVideoPreset
  vod-upload list --state completed --json | jq -r .fileId | xargs -n 1 vod-upload transcode

It works with any video in VOD. To transcode a video after its upload: vod-upload add --transcode-after.
With --json it prints {id, fileId, outcome, vodTaskId}; outcome is queued or, with --wait, begun.`;

interface TranscodeCommandOptions extends TranscodeOptions {
  readonly wait?: boolean;
  readonly json?: boolean;
}

/** `vod-upload transcode FILE_ID` */
export function defineTranscode({ command, action, context }: Definition): void {
  command('transcode')
    .description('have VOD transcode a stored video')
    .argument('<FILE_ID>', 'id of the video in VOD')
    .option('--procedure <name>', "task flow of VOD's console that VOD runs on the video; only API 3.0")
    .option('--screenshot', 'have VOD take screenshots; only v2')
    .option('--watermark', 'have VOD add the watermark set up in its console; only v2')
    .option('--wait', 'wait until the transcoding has begun')
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(action((fileId, options) => transcode(fileId, options, context)));
}

async function transcode(
  fileId: string,
  { wait, json, ...flags }: TranscodeCommandOptions,
  { env, out }: CliContext,
): Promise<number> {
  return await withProducer(loadConfig(env), async (uploads) => {
    const transcoding = await uploads.transcode(fileId, flags);
    const { id } = transcoding;
    const { vodTaskId } = wait ? await transcoding.begun() : {};
    const outcome = wait ? 'begun' : 'queued';
    if (json)
      out.write(`${printableJson(JSON.stringify({ id, fileId, outcome, vodTaskId: vodTaskId ?? null }))}\n`);
    else
      out.write(
        `${id}  fileId ${fileId}: ${outcome}${vodTaskId === undefined ? '' : ` as ${printable(vodTaskId)}`}\n`,
      );
    return EXIT.done;
  });
}
