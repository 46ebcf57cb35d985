import type { Worker } from 'bullmq';
import type { History } from '../src/flow/history.ts';
import type { Logger } from '../src/process/log.ts';
import { QUEUES, type Stage } from '../src/queue/names.ts';
import type { WorkerMetrics } from '../src/telemetry/worker-metrics.ts';

/**
 * Observers turn what workers do into log lines, metrics and the uploads' histories. They listen to BullMQ's events, so
 * that processors only do their work. Every log line about an upload has its `uploadId`.
 */
export interface ObserverDependencies {
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly history: History;
}

/** WorkerMetrics and log lines that the workers of all stages have in common. */
export function observeWorker(
  worker: Worker,
  stage: Stage,
  { log, metrics }: Pick<ObserverDependencies, 'log' | 'metrics'>,
): void {
  const queue = QUEUES[stage];
  metrics.stalled.inc({ queue }, 0);
  const setRunning = (isRunning: boolean): void => metrics.workerRunning.set({ queue }, isRunning ? 1 : 0);
  setRunning(worker.isRunning());
  worker.on('paused', () => setRunning(false));
  worker.on('resumed', () => setRunning(true));
  worker.on('closing', () => setRunning(false));
  worker.on('stalled', (jobId) => {
    metrics.stalled.inc({ queue });
    log.warn({ stage, jobId }, 'job stalled: its worker died or lost its lock; it runs again');
  });
}
