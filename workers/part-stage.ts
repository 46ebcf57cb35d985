import type { Job, Worker } from 'bullmq';
import type { ProgressWriter } from '../src/flow/progress-writer.ts';
import { UnavailableSources } from '../src/flow/unavailable-sources.ts';
import { UNLIMITED } from '../src/limits/limits.ts';
import { parsePartData } from '../src/queue/jobs/part.ts';
import type { ReadingStage } from '../src/queue/names.ts';
import { SharedRate } from '../src/redis/shared-rate.ts';
import { PART_SIZES } from '../src/vod/wire/protocol.ts';
import { partProcessor } from './part.ts';
import { PartSlots } from './part-slots.ts';
import { type StageContext, vodCall } from './stage-context.ts';

/** Sends parts, adapts the number of slots they are sent in, and reports the progress of their uploads. */
export function startParts(context: StageContext): void {
  const { config, redis, breaker, metrics, openFiles: files, backend, sessions, abortFlags, log } = context;
  const { partConcurrency, maxBytesPerSecond, queuePrefix } = config;
  const bandwidth = new SharedRate(redis, {
    key: `${queuePrefix}:bandwidth`,
    perSecond: maxBytesPerSecond.total,
    largest: PART_SIZES[1],
  });
  const call = vodCall('part', context);
  const slots = new PartSlots(partConcurrency, log);
  const worker = context.consumers.start('part', {
    concurrency: slots.jobs,
    parse: parsePartData,
    process: partProcessor({ files, slots, bandwidth, backend, sessions, call, abortFlags, metrics }),
    breaker,
    unseen: createUnseen(context, 'part'),
  });
  metrics.partSlots.set(0);
  metrics.partSlotsMax.set(0);
  if (worker === undefined) return;
  reportProgress(worker, context.progress);
  slots.start(({ slots, jobs }) => {
    worker.concurrency = jobs;
    metrics.partSlots.set(slots);
  });
  followLimits(context, { bandwidth, slots });
}

function followLimits(
  { config: { maxPartSlots }, limits, throttle, metrics, log }: StageContext,
  { bandwidth, slots }: { readonly bandwidth: SharedRate; readonly slots: PartSlots },
): void {
  const show = (scope: 'total' | 'process', rate: number): void =>
    metrics.maxBytesPerSecond.set({ scope }, rate === UNLIMITED ? 0 : rate);
  limits.follow('max-bytes-per-second', (rate) => {
    bandwidth.setRate(rate);
    show('total', rate);
  });
  limits.follow('max-process-bytes-per-second', (rate) => {
    throttle.setRate(rate);
    show('process', rate);
  });
  limits.follow('part-slots', ({ min, max }) => {
    const bounds = { min: Math.min(min, maxPartSlots), max: Math.min(max, maxPartSlots) };
    if (max > maxPartSlots) {
      log.warn(
        { max, usedMax: bounds.max },
        'too little memory for the part slots that are set; fewer are used',
      );
    }
    slots.setBounds(bounds);
    metrics.partSlotsMax.set(bounds.max);
  });
}

/** Leaves jobs whose file this process does not see to other workers. */
export function createUnseen(context: StageContext, stage: ReadingStage): UnavailableSources {
  const { config, queues, redis, worker, roots, breaker } = context;
  const { queuePrefix: prefix, sourceGraceMs: graceMs } = config;
  const options = { stage, queues, redis, prefix, graceMs, worker, roots };
  return new UnavailableSources(stage === 'hash' ? options : { ...options, breaker });
}

/** An upload's children count a part as done only after BullMQ has completed its job. */
function reportProgress(worker: Worker, progress: ProgressWriter): void {
  worker.on('completed', (job: Job) => {
    const part = parsePartData(job.data);
    progress.partCompleted(part, part.partSize, part.hashed.version.size);
  });
}
