import type { Definition } from './program.ts';

const EXAMPLES = `
Examples:
  vod-upload demo
  vod-upload demo holiday.mp4

It starts a Redis of its own (or uses the one at REDIS_URL, with keys of its own that it removes), an emulator of VOD
and a worker, uploads the file, then uploads it again, and takes everything away. Nothing leaves this machine.`;

/** `vod-upload demo [FILE]` */
export function defineDemo({ command, action, context }: Definition): void {
  command('demo')
    .description('watch an upload from end to end, on this machine alone')
    .argument('[FILE]', 'a video; default: a sample of 24 MiB that the demo makes')
    .addHelpText('after', EXAMPLES)
    .action(
      action(async (file: string | undefined) => {
        const { runDemo } = await import('../demo/demo.ts');
        return await runDemo(file, context);
      }),
    );
}
