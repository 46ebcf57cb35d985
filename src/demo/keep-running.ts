import { once } from 'node:events';
import { join } from 'node:path';
import { formatFields } from '../base/columns.ts';
import type { CliContext } from '../terminal/context.ts';
import type { Cleanup } from './cleanup.ts';
import type { DemoProcesses } from './processes.ts';
import { startPrometheus } from './prometheus.ts';

/**
 * Starts the web pages and Prometheus (if installed), prints all addresses, and waits.
 * @throws the signal's reason when it aborts; {UploaderError} with the last lines of a process that ends
 */
export async function keepRunning(options: {
  readonly processes: DemoProcesses;
  /** Directory for data. */
  readonly dir: string;
  /** A file to upload. */
  readonly another: string;
  readonly cleanups: Cleanup[];
  readonly signal: AbortSignal;
  readonly context: CliContext;
}): Promise<never> {
  const { processes, dir, another, cleanups, signal, context } = options;
  const ops = await processes.start(['ops'], /ops is ready/, { OPS_HOST: '127.0.0.1', OPS_PORT: '0' });
  const { url } = JSON.parse(ops.readyLine) as { url: string };
  const prometheus = await startPrometheus({
    dir: join(dir, 'prometheus'),
    targets: [
      { job: 'vod-upload-worker', url: processes.workerUrl },
      { job: 'vod-upload-ops', url },
    ],
    signal,
  });
  if (prometheus !== undefined) cleanups.push(() => prometheus.stop());
  const addresses = formatFields([
    ['uploads', `${url}/uploads`],
    ['dashboard', `${url}/dashboard`],
    ['metrics', `${processes.workerUrl}/metrics  (worker)`],
    ['', `${url}/metrics  (queues)`],
    [
      'Prometheus',
      prometheus ? `${prometheus.url}/alerts` : 'not installed: install prometheus to see alerts here',
    ],
    ['emulator', `${processes.controlUrl}/stats`],
  ]);
  const add = processes.shellCommand(['add', another, '--wait']);
  context.out.write(
    `\nEverything keeps running until Ctrl-C:\n${addresses}\nUpload another file, in another shell:\n  ${add}\n`,
  );
  const ends = [processes.died, ops.died, ...(prometheus ? [prometheus.died] : [])];
  await Promise.race([once(signal, 'abort'), ...ends]);
  throw signal.reason;
}
