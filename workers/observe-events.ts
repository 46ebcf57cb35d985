import type { Job, Worker } from 'bullmq';
import { parseFailure } from '../src/queue/failure.ts';
import type { EventData, EventValue } from '../src/queue/jobs/event.ts';
import { parseEvent, type VodEvent } from '../src/vod/wire/events.ts';
import type { QuotaAction } from '../src/vod/wire/protocol.ts';
import { type ObserverDependencies, observeWorker } from './observe-worker.ts';
import type { InvalidEvents } from './pull.ts';

export function reportInvalidEvents(
  action: QuotaAction,
  { unreadable, unconfirmed }: InvalidEvents,
  { log, metrics }: ObserverDependencies,
): void {
  metrics.events.inc({ type: 'other', via: 'pull', outcome: 'invalid' }, unreadable);
  log.warn({ unreadable, unconfirmed }, `${action} returned entries that are not events or have no handle`);
}

/** Reports whether each event was joined to uploads. */
export function observeEvents(worker: Worker<unknown, EventValue>, deps: ObserverDependencies): void {
  const { log, metrics } = deps;
  worker.on('completed', (job, value) => reportEvent(job, value, deps));
  worker.on('failed', (job, error) => {
    if (job === undefined) return;
    const { via = 'pull' } = (job.data ?? {}) as Partial<EventData>;
    const { code, message: reason } = parseFailure(error.message);
    metrics.events.inc({ type: 'other', via: via === 'callback' ? via : 'pull', outcome: 'invalid' });
    log.warn({ jobId: job.id, eventType: job.name, code, reason }, 'event failed');
  });
  observeWorker(worker, 'events', deps);
}

function reportEvent(job: Job, value: EventValue, { log, metrics, history }: ObserverDependencies): void {
  const { via, content } = job.data as EventData;
  const type = typeOf(content);
  const fields = { jobId: job.id, eventType: job.name, via };
  if (value.outcome === 'not ours') {
    metrics.events.inc({ type, via, outcome: 'not_ours' });
    log.info({ ...fields, reason: value.reason }, 'event belongs to no upload');
    return;
  }
  metrics.events.inc({ type, via, outcome: 'joined' });
  for (const { uploadId, isNew, lagMs } of value.uploads) {
    if (!isNew) continue;
    if (lagMs !== undefined) metrics.eventLag.observe({ type }, lagMs / 1000);
    log.info({ uploadId, ...fields, lagMs }, 'event joined');
    history.record(uploadId, `VOD sent ${job.name}${via === 'callback' ? ' by HTTP' : ''}`);
  }
}

function typeOf(content: unknown): VodEvent['type'] {
  try {
    return parseEvent(content).type;
  } catch {
    return 'other';
  }
}
