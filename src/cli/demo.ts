import type { Definition } from './definition.ts';

const EXAMPLES = `
Examples:
  vod-upload demo
  vod-upload demo holiday.mp4
  vod-upload demo --keep                   keeps running, with pages for a browser

It starts Redis (or uses REDIS_URL, with its own key prefix, and removes those keys), a VOD emulator and a worker,
uploads the file twice, and removes everything. With --keep it also starts the web pages and Prometheus (if installed),
keeps everything running, and removes it at Ctrl-C. Nothing is sent to other machines.`;

/** `vod-upload demo [FILE]` */
export function defineDemo({ command, action, context }: Definition): void {
  command('demo')
    .description('show a complete upload on this machine')
    .argument('[FILE]', 'a video; default: a generated sample of 24 MiB')
    .option('--keep', 'keep running until Ctrl-C, with links to the pages, metrics and Prometheus')
    .addHelpText('after', EXAMPLES)
    .action(
      action(async (file: string | undefined, options: { keep?: boolean }) => {
        const { runDemo } = await import('../demo/demo.ts');
        return await runDemo(file, options, context);
      }),
    );
}
