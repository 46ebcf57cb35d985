import type { Queue, Worker } from 'bullmq';
import type { Config } from '../src/config/config.ts';
import type { UnavailableSources } from '../src/flow/unavailable-sources.ts';
import {
  Consumer,
  type ConsumerSettings,
  type JobContext,
  type StageConsumer,
} from '../src/queue/consumer.ts';
import type { Stage } from '../src/queue/names.ts';
import type { Pauses } from '../src/queue/pauses.ts';
import type { Queues } from '../src/queue/queues.ts';
import type { Breaker } from '../src/quota/breaker.ts';
import type { Observer } from './observe.ts';
import { tracedProcessor } from './spans.ts';

/** Milliseconds until the next attempt, after so many that failed, the last one of this. */
export type Backoff = (attempt: number, error?: unknown) => number;

/** Stages whose jobs are carried out by a processor; the others are BullMQ's workers as they are. */
type ConsumedStage = Exclude<Stage, 'upload' | 'events'>;

/** Sets a worker to work on a stage, if this process has that. */
export type Consume = <Data extends { readonly uploadId?: string }>(
  stage: ConsumedStage,
  concurrency: number,
  parse: (value: unknown) => Data,
  process: (data: Data, attempt: JobContext) => Promise<unknown>,
  own?: {
    readonly backoff?: Backoff;
    /** Of the host of VOD that it calls. */
    readonly breaker?: Breaker;
    /** Of a stage that reads files. */
    readonly unseen?: UnavailableSources;
    /** What it does for an upload goes on when that is stopped. */
    readonly outlivesUpload?: boolean;
  },
) => Worker | undefined;

/** @returns with the workers' consumers, and with the pauses of those that read files; both grow as stages are set to work */
export function createConsume(options: {
  readonly stages: ReadonlySet<Stage>;
  readonly queues: Queues;
  readonly settings: ConsumerSettings;
  readonly backoff: Backoff;
  readonly observer: Observer;
  readonly traced: boolean;
}): {
  readonly consume: Consume;
  readonly consumers: readonly StageConsumer[];
  readonly readers: readonly Pauses[];
} {
  const { stages, queues, settings, backoff, observer, traced } = options;
  const consumers: StageConsumer[] = [];
  const readers: Pauses[] = [];
  const consume: Consume = (stage, concurrency, parse, process, own = {}) => {
    if (!stages.has(stage)) return undefined;
    const queue: Queue = queues[stage];
    const { unseen } = own;
    const inner = traced ? tracedProcessor(process) : process;
    const consumer = new Consumer({
      ...{ stage, queue, concurrency, parse, backoff: own.backoff ?? backoff },
      process: unseen === undefined ? inner : unseen.around(inner),
      settings: { ...settings, breaker: own.breaker },
    });
    const { worker, pauses } = consumer;
    unseen?.follow(pauses);
    if (unseen !== undefined) readers.push(pauses);
    observer.observeChildren(worker, stage);
    consumers.push(
      own.outlivesUpload ? { worker, abortUpload() {}, returnJobs: () => consumer.returnJobs() } : consumer,
    );
    return worker;
  };
  return { consume, consumers, readers };
}

/** How long, or how many of them, BullMQ keeps jobs that have ended. */
export function keepJobs({ ageSeconds, count }: Config['keep']['completed']): { age: number; count: number } {
  return { age: ageSeconds, count };
}
