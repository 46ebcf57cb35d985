import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UploaderError } from '../base/errors.ts';
import { startChild } from './child.ts';
import { freePort } from './free-port.ts';

/** A private Prometheus on the loopback interface. */
export interface PrometheusServer {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly died: Promise<never>;
  stop(): Promise<void>;
}

/** This project's rules. dist/src is one directory deeper than src. */
const RULES = fileURLToPath(
  new URL(
    import.meta.url.endsWith('.ts') ? '../../deploy/prometheus/' : '../../../deploy/prometheus/',
    import.meta.url,
  ),
);

/**
 * Starts a Prometheus that scrapes the given processes, with this project's rules.
 * @param options.targets job name and URL of each process
 * @returns undefined when Prometheus is not installed
 * @throws {UploaderError} CHILD_FAILED with its last lines when it doesn't start
 */
export async function startPrometheus(options: {
  /** Directory for its data. */
  readonly dir: string;
  readonly targets: readonly { readonly job: string; readonly url: string }[];
  /** Scrape and evaluation interval, in Prometheus' format; default 2s. */
  readonly interval?: string;
  readonly signal?: AbortSignal | undefined;
}): Promise<PrometheusServer | undefined> {
  const { dir, targets, interval = '2s', signal } = options;
  await mkdir(dir, { recursive: true });
  const file = join(dir, 'prometheus.json');
  await writeFile(file, JSON.stringify(await configuration(targets, interval)));
  const port = await freePort();
  try {
    const child = await startChild({
      label: 'prometheus',
      command: 'prometheus',
      args: [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(dir, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      ready: /Server is ready to receive web requests/,
      signal,
    });
    return { url: `http://127.0.0.1:${port}`, died: child.died, stop: () => child.stop() };
  } catch (error) {
    if (error instanceof UploaderError && error.code === 'CHILD_MISSING') return undefined;
    throw error;
  }
}

/** JSON, which is valid YAML. */
async function configuration(
  targets: readonly { readonly job: string; readonly url: string }[],
  interval: string,
) {
  const rules = (await readdir(RULES)).filter((name) => /\.(alerts|rules)\.yml$/.test(name));
  return {
    global: { scrape_interval: interval, evaluation_interval: interval },
    rule_files: rules.map((name) => join(RULES, name)),
    scrape_configs: [...new Set(targets.map(({ job }) => job))].map((job) => ({
      job_name: job,
      static_configs: [
        { targets: targets.filter((target) => target.job === job).map(({ url }) => new URL(url).host) },
      ],
    })),
  };
}
