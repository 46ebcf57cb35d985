import { loadConfig } from '../config/config.ts';
import { createLogger, redirectConsole } from '../process/log.ts';
import { firstStopSignal } from '../process/stop-signals.ts';
import { type CliContext, EXIT } from '../terminal/context.ts';
import type { Definition } from './definition.ts';

const EXAMPLES = `
Examples:
  vod-upload ops                                     on http://127.0.0.1:9323, only for this machine
  OPS_HOST=0.0.0.0 OPS_USERS=alice:secret vod-upload ops
  OPS_READ_ONLY=1 vod-upload ops                     without buttons

It serves:
  /uploads     all uploads with state, speed and errors; search, retry and cancel
  /dashboard   the queues and their jobs (Bull Board)
  /metrics     metrics of the queues, for Prometheus
  /healthz, /readyz
  EVENT_CALLBACK_PATH, if set: receives VOD's event callbacks; worker --stages events processes them

One such process is enough for any number of workers. It needs Redis and no VOD credentials.`;

/** `vod-upload ops` */
export function defineOps({ command, action, context }: Definition): void {
  command('ops')
    .description('serve web pages and metrics of the uploads')
    .addHelpText('after', EXAMPLES)
    .action(action(() => runOps(context)));
}

async function runOps({ env }: CliContext): Promise<number> {
  const config = loadConfig(env);
  const log = createLogger(config);
  redirectConsole(log);
  const { startOps } = await import('../ops/start.ts');
  const { received: stopping } = firstStopSignal();
  // A signal also ends the wait for an unavailable Redis.
  const starting = startOps(config, { log });
  const running = await Promise.race([starting, stopping.then(() => undefined)]);
  if (running === undefined) return EXIT.done;
  log.info({ signal: await stopping }, 'ops is stopping');
  await running.close();
  return EXIT.done;
}
