import { Option } from 'commander';
import { addUploads } from './add-uploads.ts';
import type { Definition } from './definition.ts';
import { describeRoots } from './describe-roots.ts';
import { collect, parseDuration, parseExpiry, parsePartSize, parseWholeNumber } from './parse.ts';

const EXAMPLES = `
Examples:
  vod-upload add launch.mp4 --wait
  vod-upload add *.mp4 --tag archive --tag 2026 --priority 8
  vod-upload add talk.mov --name "Opening talk" --transcode --screenshot --class-id 12
  vod-upload add talk.mov --transcode-after --wait-for transcoded --transcode-timeout 2h --wait
  vod-upload add launch.mp4 --key order-42 --wait --json | jq -r .fileId
With VOD_API=2018-07-17 (API 3.0):
  vod-upload add launch.mp4 --procedure LongVideoPreset --cover poster.jpg --expire 365d

Without --wait, the command ends when the uploads are in the queue. With --json it prints one object per file and line:
  {id, created, differs?: [option], outcome, source, name, type, fileId, url, fileSha, fileSize, partsSent, partsSkipped, bytesSent,
   durationMs, error?: {code, message, retryable}}
outcome is queued, completed, instant (VOD had the file already), failed or cancelled, or null if the file was not
enqueued. Unknown values are null. With --wait, each object is printed when its upload ends.`;

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
    .option('--tag <tag>', 'tag of the video; can be given more than once; only v2', collect)
    .option('--class-id <number>', 'category in VOD', parseWholeNumber)
    .option('--transcode', 'have VOD transcode the video; only v2, see --procedure')
    .addOption(
      new Option(
        '--transcode-after',
        'have VOD transcode the video after the upload, even if VOD had it already; API 3.0: with --procedure',
      ).conflicts('transcode'),
    )
    .addOption(
      new Option(
        '--wait-for <end>',
        'when the upload is completed; transcoded needs events, see worker --help',
      ).choices(['uploaded', 'transcoded']),
    )
    .option('--transcode-timeout <time>', 'how long to wait for the transcoding; default 6h', parseDuration)
    .option('--screenshot', 'have VOD take screenshots; only v2')
    .option('--watermark', 'have VOD add the watermark set up in its console; only v2')
    .option('--procedure <name>', "task flow of VOD's console that VOD runs on the video; only API 3.0")
    .option('--storage-region <region>', 'where VOD keeps the video, such as ap-chongqing; only API 3.0')
    .option(
      '--expire <time>',
      'when VOD deletes the video: 30d from now, or 2031-01-01T00:00:00Z; only API 3.0',
      parseExpiry,
    )
    .option('--source-context <text>', "text that VOD repeats in the upload's event; only API 3.0")
    .option(
      '--storage-path <path>',
      'path in VOD, such as /2031/launch.mp4, if the application has paths; only API 3.0',
    )
    .option('--cover <file>', 'picture that VOD shows for the video, at most 10 MiB; only API 3.0')
    .option('--hash', 'API 3.0: compute the SHA-1, so that the same content is uploaded once; v2 always does')
    .option(
      '--part-size <size>',
      'v2: 512k or 1m, default 1m; API 3.0: from 1m to 5g, default by file size',
      parsePartSize,
    )
    .option('--priority <number>', '1 (first) to 10 (last); default 5', parseWholeNumber)
    .option('--delay <time>', 'start after 500ms, 10s, 5m or 2h; a plain number is seconds', parseDuration)
    .option('--key <key>', 'add only once: a second add with this key returns the first upload')
    .addOption(
      new Option(
        '--conflict <action>',
        'if that upload has other options or another file: print a note (ignore) or exit with 2 (error)',
      )
        .choices(['ignore', 'error'])
        .default('ignore'),
    )
    .option('--webhook <url>', 'URL to notify when the upload has ended, in addition to WEBHOOK_URL')
    .option('--wait', 'wait until the uploads have ended, and show progress')
    .option('--rehash', 'compute the SHA-1 even if it is cached for this path, size and times')
    .option(
      '--no-check-source',
      "don't check the files, because only the workers can see them; paths must be absolute",
    )
    .option('--json', 'print JSON lines on standard output and nothing else')
    .addHelpText('after', () => `${EXAMPLES}\n\n${describeRoots(context.env.SOURCE_ROOTS)}`)
    .action(action((files, options) => addUploads(files, options, context)));
}
