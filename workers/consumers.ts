import type { Worker } from 'bullmq';
import type { Config } from '../src/config/config.ts';
import type { UnavailableSources } from '../src/flow/unavailable-sources.ts';
import {
  Consumer,
  type ConsumerSettings,
  type JobContext,
  type StageConsumer,
} from '../src/queue/consumer.ts';
import type { Stage } from '../src/queue/names.ts';
import type { PauseControl } from '../src/queue/pause-control.ts';
import type { Queues } from '../src/queue/queues.ts';
import type { Breaker } from '../src/quota/breaker.ts';
import type { AttemptObserver } from './observe-attempts.ts';
import { tracedProcessor } from './spans.ts';

/** Milliseconds until the next attempt. @param attempt number of failed attempts @param error of the last one */
export type Backoff = (attempt: number, error?: unknown) => number;

/** Stages whose workers are a {@link Consumer}; those of the others are created directly. */
type ConsumedStage = Exclude<Stage, 'upload' | 'events'>;

export interface ConsumerOptions<Data> {
  readonly concurrency: number;
  readonly parse: (value: unknown) => Data;
  readonly process: (data: Data, attempt: JobContext) => Promise<unknown>;
  /** Default: the backoff of all stages. */
  readonly backoff?: Backoff;
  /** Of the VOD host that the stage calls. */
  readonly breaker?: Breaker;
  /** Only for stages that read files. */
  readonly unseen?: UnavailableSources;
  /** Its jobs are not aborted when their upload is stopped. */
  readonly outlivesUpload?: boolean;
}

interface ConsumersOptions {
  readonly stages: ReadonlySet<Stage>;
  readonly queues: Queues;
  readonly settings: ConsumerSettings;
  readonly backoff: Backoff;
  readonly observer: AttemptObserver;
  readonly traced: boolean;
}

/** Starts the consumers of this process's stages, and keeps them for aborts and the shutdown. */
export class Consumers {
  readonly #options: ConsumersOptions;
  readonly #all: StageConsumer[] = [];
  readonly #readers: PauseControl[] = [];

  constructor(options: ConsumersOptions) {
    this.#options = options;
  }

  get all(): readonly StageConsumer[] {
    return this.#all;
  }

  /** The pauses of the workers that read files. */
  get readers(): readonly PauseControl[] {
    return this.#readers;
  }

  /** @returns undefined when this process does not run the stage */
  start<Data extends { readonly uploadId?: string }>(
    stage: ConsumedStage,
    options: ConsumerOptions<Data>,
  ): Worker | undefined {
    const { stages, queues, settings, observer, traced } = this.#options;
    if (!stages.has(stage)) return undefined;
    const { concurrency, parse, process, backoff = this.#options.backoff, breaker, unseen } = options;
    const inner = traced ? tracedProcessor(process) : process;
    const consumer = new Consumer({
      ...{ stage, queue: queues[stage], concurrency, parse, backoff },
      process: unseen === undefined ? inner : unseen.wrap(inner),
      settings: { ...settings, breaker },
    });
    const { worker, pauseControl } = consumer;
    unseen?.pauseWhileUnseen(pauseControl);
    if (unseen !== undefined) this.#readers.push(pauseControl);
    observer.observe(worker, stage);
    this.#all.push(
      options.outlivesUpload
        ? { worker, abortUpload() {}, returnJobs: () => consumer.returnJobs() }
        : consumer,
    );
    return worker;
  }
}

/** BullMQ's option for how long, or how many, ended jobs are kept. */
export function keepJobs({ ageSeconds, count }: Config['keep']['completed']): { age: number; count: number } {
  return { age: ageSeconds, count };
}
