import type { Config } from '../src/config/config.ts';
import { exitProcess } from '../src/process/exit.ts';
import { createLogger, redirectConsole } from '../src/process/log.ts';
import { onStopSignals } from '../src/process/stop-signals.ts';
import type { Stage } from '../src/queue/names.ts';
import { startTracing, type Tracing } from '../src/telemetry/tracing.ts';
import { startWorker } from './start.ts';

/**
 * Runs a worker until SIGTERM or SIGINT, which drain it; a second signal ends it at once. After a shutdown the exit code
 * is 0, even if jobs were handed back: that is not a failure.
 */
export async function runWorker(config: Config, stages: readonly Stage[]): Promise<void> {
  const log = createLogger(config);
  redirectConsole(log);
  for (const warning of config.warnings) log.warn({ warning }, 'invalid setting ignored');
  let tracing: Tracing | undefined;
  let worker: Awaited<ReturnType<typeof startWorker>> | undefined;
  let stopping = false;
  const stop = async (signal: NodeJS.Signals): Promise<void> => {
    if (stopping) {
      log.warn({ signal }, 'second signal: exiting at once');
      exitProcess(1);
    }
    stopping = true;
    log.info({ signal, timeoutMs: config.shutdownTimeoutMs }, 'draining');
    const drained = await worker?.close();
    await tracing?.stop();
    log.info({ drained }, 'worker has stopped');
    exitProcess(0);
  };
  onStopSignals(stop);
  tracing = await startTracing(config.tracing, (reason) =>
    log.warn({ reason }, 'traces could not be sent; the spans are lost'),
  );
  worker = await startWorker(config, { stages, log });
}
