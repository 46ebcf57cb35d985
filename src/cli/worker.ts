import { loadConfig } from '../config/config.ts';
import { parseStages } from '../queue/names.ts';
import type { Definition } from './definition.ts';

const EXAMPLES = `
Examples:
  vod-upload worker
  vod-upload worker --stages upload,hash                   near the disks
  vod-upload worker --stages init,part,finish,transcode    where the network is good
  vod-upload worker --stages events    pull the account's events; other programs will not get them
  LOG_FORMAT=pretty LOG_LEVEL=debug vod-upload worker

It needs VOD_SECRET_ID and VOD_SECRET_KEY (or each with _FILE), and SOURCE_ROOTS, the directories of the videos.
After SIGTERM or Ctrl-C it finishes its running jobs within SHUTDOWN_TIMEOUT_MS; a second signal ends it at once.
No upload is lost in either case.`;

/** `vod-upload worker` */
export function defineWorker({ command, action, context }: Definition): void {
  command('worker')
    .description('process uploads until it is stopped')
    .option(
      '--stages <list>',
      'only these stages of upload,hash,init,part,finish,transcode,webhook,events; default all but events',
    )
    .addHelpText('after', EXAMPLES)
    .action(
      action(async ({ stages }: { stages?: string }) => {
        const config = loadConfig(context.env);
        const wanted = parseStages(stages);
        const { runWorker } = await import('../../workers/run.ts');
        await runWorker(config, wanted);
        // The worker exits the process itself after a signal.
        return await new Promise<never>(() => {});
      }),
    );
}
