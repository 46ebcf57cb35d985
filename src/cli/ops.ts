import { loadConfig } from '../config/config.ts';
import { createLogger, logConsole } from '../process/log.ts';
import { firstStopSignal } from '../process/stop-signals.ts';
import { type CliContext, EXIT } from '../terminal/context.ts';
import type { Definition } from './definition.ts';

const EXAMPLES = `
Examples:
  vod-upload ops                                     on http://127.0.0.1:9323, for this machine only
  OPS_HOST=0.0.0.0 OPS_USERS=alice:secret vod-upload ops
  OPS_READ_ONLY=1 vod-upload ops                     without buttons

It serves:
  /uploads     every upload: where it is, how fast, and why it failed; to search, retry and cancel
  /dashboard   the queues and their jobs (Bull Board)
  /metrics     the state of the queues, for Prometheus
  /healthz, /readyz
  EVENT_CALLBACK_PATH, when it is set: where VOD may send its events, to be looked at by worker --stages events

One such process is enough, however many workers there are. It needs Redis, and no credentials of VOD.`;

/** `vod-upload ops` */
export function defineOps({ command, action, context }: Definition): void {
  command('ops')
    .description('serve the pages and metrics that show how uploads go')
    .addHelpText('after', EXAMPLES)
    .action(action(() => runOps(context)));
}

async function runOps({ env }: CliContext): Promise<number> {
  const config = loadConfig(env);
  const log = createLogger(config);
  logConsole(log);
  const { startOps } = await import('../ops/start.ts');
  const { received: stopping } = firstStopSignal();
  // A signal also ends the wait for a Redis that is away.
  const starting = startOps(config, { log });
  const running = await Promise.race([starting, stopping.then(() => undefined)]);
  if (running === undefined) return EXIT.done;
  log.info({ signal: await stopping }, 'ops is stopping');
  await running.close();
  return EXIT.done;
}
