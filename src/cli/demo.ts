import type { Definition } from './definition.ts';

const EXAMPLES = `
Examples:
  vod-upload demo
  vod-upload demo holiday.mp4
  vod-upload demo --keep                   and then look at it in a browser

It starts a Redis of its own (or uses the one at REDIS_URL, with keys of its own that it removes), an emulator of VOD
and a worker, uploads the file, then uploads it again, and takes everything away. With --keep it leaves all of it
running, starts the pages too (and a Prometheus, where there is one), and takes everything away at Ctrl-C. Nothing
leaves this machine.`;

/** `vod-upload demo [FILE]` */
export function defineDemo({ command, action, context }: Definition): void {
  command('demo')
    .description('watch an upload from end to end, on this machine alone')
    .argument('[FILE]', 'a video; default: a sample of 24 MiB that the demo makes')
    .option('--keep', 'stay until Ctrl-C, with links to the pages, metrics and Prometheus')
    .addHelpText('after', EXAMPLES)
    .action(
      action(async (file: string | undefined, options: { keep?: boolean }) => {
        const { runDemo } = await import('../demo/demo.ts');
        return await runDemo(file, options, context);
      }),
    );
}
