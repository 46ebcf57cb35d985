import { Option } from 'commander';
import { addUploads } from './add-uploads.ts';
import type { Definition } from './definition.ts';
import { describeRoots } from './describe-roots.ts';
import { collect, parseDuration, parsePartSize, parseWholeNumber } from './parse.ts';

const EXAMPLES = `
Examples:
  vod-upload add launch.mp4 --wait
  vod-upload add *.mp4 --tag archive --tag 2026 --priority 8
  vod-upload add talk.mov --name "Opening talk" --transcode --screenshot --class-id 12
  vod-upload add talk.mov --transcode-after --wait-for transcoded --transcode-timeout 2h --wait
  vod-upload add launch.mp4 --key order-42 --wait --json | jq -r .fileId

Without --wait it ends as soon as the uploads are in the queue. With --json it prints one object per file and line:
  {id, created, differs?: [option], outcome, source, name, type, fileId, url, fileSha, fileSize, partsSent, partsSkipped, bytesSent,
   durationMs, error?: {code, message, retryable}}
where outcome is queued, completed, instant (VOD had the file), failed or cancelled, or null when the file was not
enqueued, and what isn't known yet is null. With --wait each is printed when its upload ends.`;

/** `vod-upload add FILE…` */
export function defineAdd({ command, action, context }: Definition): void {
  command('add')
    .description('enqueue videos for upload')
    .argument(
      '<FILE...>',
      'video files, inside the directories of SOURCE_ROOTS (default: the working directory)',
    )
    .option(
      '--name <name>',
      "name in VOD without extension, at most 40 bytes; default: the file's, cut to fit",
    )
    .option('--type <type>', "extension without dot, such as mp4; default: the file's")
    .option('--tag <tag>', 'tag of the video; can be given more than once', collect)
    .option('--class-id <number>', 'category in VOD', parseWholeNumber)
    .option('--transcode', 'have VOD transcode the video')
    .addOption(
      new Option(
        '--transcode-after',
        'have VOD transcode it when it is there, also when it was there before',
      ).conflicts('transcode'),
    )
    .addOption(
      new Option(
        '--wait-for <end>',
        'what completes the upload; transcoded needs events, see worker --help',
      ).choices(['uploaded', 'transcoded']),
    )
    .option(
      '--transcode-timeout <time>',
      'how long the upload waits to be transcoded; default 6h',
      parseDuration,
    )
    .option('--screenshot', 'have VOD take screenshots')
    .option('--watermark', 'have VOD add the watermark set up in its console')
    .option('--part-size <size>', '512k or 1m; default 1m', parsePartSize)
    .option('--priority <number>', '1 (first) to 10 (last); default 5', parseWholeNumber)
    .option('--delay <time>', 'begin after 500ms, 10s, 5m or 2h; a plain number is seconds', parseDuration)
    .option('--key <key>', 'add once only: a second add with this key finds the upload of the first')
    .addOption(
      new Option(
        '--conflict <what>',
        'when that one has other options or another file: tell (ignore), or tell and exit with 2 (error)',
      )
        .choices(['ignore', 'error'])
        .default('ignore'),
    )
    .option('--webhook <url>', 'tell this URL when the upload has ended, beside those of WEBHOOK_URL')
    .option('--wait', 'wait for the end and show the progress')
    .option('--rehash', 'compute the SHA-1 even if it is known of a file of this path, size and times')
    .option(
      '--no-check-source',
      "don't look at the files, which only the workers see; paths must be absolute",
    )
    .option('--json', 'print JSON lines on standard output and nothing else')
    .addHelpText('after', () => `${EXAMPLES}\n\n${describeRoots(context.env.SOURCE_ROOTS)}`)
    .action(action((files, options) => addUploads(files, options, context)));
}
