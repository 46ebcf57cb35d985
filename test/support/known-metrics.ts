import { Histogram, type Metric, type Registry } from 'prom-client';
import { QUEUES } from '../../src/queue/names.ts';
import { createOpsMetrics } from '../../src/telemetry/ops-metrics.ts';
import { createWorkerMetrics } from '../../src/telemetry/worker-metrics.ts';
import { DOCUMENTED_CODE_LABELS } from '../../src/vod/code-labels.ts';

/*
 * All time series that rules and dashboards can use, with their labels.
 */

/** Series of Prometheus itself. */
const BUILT_IN: Readonly<Record<string, readonly string[]>> = {
  up: [],
  ALERTS: ['alertname', 'alertstate', 'severity'],
};

/** Labels that scraping adds to every series. */
const TARGET_LABELS = ['job', 'instance'];

/** All values of some labels, so that a rule can't select a value that never occurs. */
export const LABEL_VALUES: Readonly<Record<string, readonly string[]>> = {
  queue: Object.values(QUEUES),
  code: [...DOCUMENTED_CODE_LABELS, 'other'],
  job: ['vod-upload-worker', 'vod-upload-ops'],
};

/** Labels by series name. */
export function knownSeries(): ReadonlyMap<string, readonly string[]> {
  const series = new Map(Object.entries(BUILT_IN));
  for (const { registry } of [createWorkerMetrics('r'), createOpsMetrics('r')]) {
    for (const metric of metricsOf(registry)) {
      const { name, labelNames } = metric;
      if (metric instanceof Histogram) {
        series.set(`${name}_bucket`, [...labelNames, 'le']);
        series.set(`${name}_sum`, labelNames);
        series.set(`${name}_count`, labelNames);
      } else series.set(name, labelNames);
    }
  }
  for (const [name, labels] of series) series.set(name, [...labels, ...TARGET_LABELS]);
  return series;
}

/** prom-client does not declare these properties. */
function metricsOf(registry: Registry) {
  return registry.getMetricsAsArray() as unknown as readonly (Metric & {
    readonly name: string;
    readonly labelNames: readonly string[];
  })[];
}
