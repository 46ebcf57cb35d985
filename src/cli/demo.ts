import { Option } from 'commander';
import { VOD_APIS, type VodApi } from '../vod/wire/protocol.ts';
import type { Definition } from './definition.ts';

const EXAMPLES = `
Examples:
  vod-upload demo
  vod-upload demo holiday.mp4
  vod-upload demo --keep                   keeps running, with pages for a browser
  vod-upload demo --api 2018-07-17         by API 3.0 instead of v2

It starts Redis (or uses REDIS_URL, with its own key prefix, and removes those keys), a VOD emulator and a worker,
uploads the file twice, and removes everything. With --keep it also starts the web pages and Prometheus (if installed),
keeps everything running, and removes it at Ctrl-C. Nothing is sent to other machines.`;

/** `vod-upload demo [FILE]` */
export function defineDemo({ command, action, context }: Definition): void {
  command('demo')
    .description('show a complete upload on this machine')
    .argument('[FILE]', 'a video; default: a generated sample of 24 MiB')
    .option('--keep', 'keep running until Ctrl-C, with links to the pages, metrics and Prometheus')
    .addOption(
      new Option('--api <api>', "which of the service's APIs to upload by").choices(VOD_APIS).default('v2'),
    )
    .addHelpText('after', EXAMPLES)
    .action(
      action(async (file: string | undefined, options: { keep?: boolean; api: VodApi }) => {
        const { runDemo } = await import('../demo/demo.ts');
        return await runDemo(file, options, context);
      }),
    );
}
