import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { BULLMQ_VERSION, VERSION } from '../base/version.ts';
import { droppedLineCount } from '../process/standard-error.ts';

/*
 * Names, units and labels of all metrics follow Prometheus's conventions. No label has values that grow with the number of
 * uploads or files.
 */

/** Gauges of prom-client with the suffix _total, which promlint allows only for counters. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** Creates metrics in a registry. */
export function metricFactory(registry: Registry) {
  const registers = [registry];
  return {
    counter: <L extends string = never>(name: string, help: string, ...labelNames: L[]) =>
      new Counter<L>({ name, help, labelNames, registers }),
    gauge: <L extends string = never>(name: string, help: string, ...labelNames: L[]) =>
      new Gauge<L>({ name, help, labelNames, registers }),
    histogram: <L extends string = never>(
      name: string,
      help: string,
      buckets: number[],
      ...labelNames: L[]
    ) => new Histogram<L>({ name, help, buckets, labelNames, registers }),
  };
}

export type MetricFactory = ReturnType<typeof metricFactory>;

/** The metrics of every process: versions, Redis connection, dropped log lines, and Node's own. */
export function createProcessMetrics(revision: string) {
  const registry = new Registry();
  const { gauge } = metricFactory(registry);
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  gauge(
    'vod_build_info',
    'Always 1; the labels are the versions that run.',
    'version',
    'revision',
    'node_version',
    'bullmq_version',
  ).set({ version: VERSION, revision, node_version: process.version, bullmq_version: BULLMQ_VERSION }, 1);
  new Counter({
    name: 'vod_log_lines_dropped_total',
    help: 'Log lines that were dropped because nobody read them.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(droppedLineCount());
    },
  });
  return { registry, redisConnected: gauge('vod_redis_connected', '1 while connected to Redis.') };
}
