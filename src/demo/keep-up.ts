import { once } from 'node:events';
import { join } from 'node:path';
import { formatFields } from '../base/columns.ts';
import type { CliContext } from '../terminal/context.ts';
import { startPrometheus } from './prometheus.ts';
import type { Rig, Undo } from './rig.ts';

/**
 * Adds the pages, and a Prometheus where there is one, prints where everything is, and waits.
 * @throws the signal's reason when it aborts; what a process said last when it dies
 */
export async function keepUp(options: {
  readonly rig: Rig;
  /** A folder for data. */
  readonly dir: string;
  /** A file that can be uploaded. */
  readonly another: string;
  readonly undo: Undo[];
  readonly signal: AbortSignal;
  readonly context: CliContext;
}): Promise<never> {
  const { rig, dir, another, undo, signal, context } = options;
  const ops = await rig.start(['ops'], /ops is ready/, { OPS_HOST: '127.0.0.1', OPS_PORT: '0' });
  const { url } = JSON.parse(ops.readyLine) as { url: string };
  const prometheus = await startPrometheus({
    dir: join(dir, 'prometheus'),
    targets: [
      { job: 'vod-upload-worker', url: rig.workerUrl },
      { job: 'vod-upload-ops', url },
    ],
    signal,
  });
  if (prometheus !== undefined) undo.push(() => prometheus.stop());
  const places = formatFields([
    ['uploads', `${url}/uploads`],
    ['dashboard', `${url}/dashboard`],
    ['metrics', `${rig.workerUrl}/metrics  (worker)`],
    ['', `${url}/metrics  (queues)`],
    [
      'Prometheus',
      prometheus ? `${prometheus.url}/alerts` : 'not on this machine: install prometheus to see it here',
    ],
    ['emulator', `${rig.controlUrl}/stats`],
  ]);
  const add = rig.shellCommand(['add', another, '--wait']);
  context.out.write(
    `\nAll of it runs on, until Ctrl-C:\n${places}\nUpload one more, from another shell:\n  ${add}\n`,
  );
  const ends = [rig.died, ops.died, ...(prometheus ? [prometheus.died] : [])];
  await Promise.race([once(signal, 'abort'), ...ends]);
  throw signal.reason;
}
