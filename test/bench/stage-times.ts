import { Redis } from 'ioredis';
import type { UploadOptions, UploadResult } from '../../src/index.ts';
import { QUEUES } from '../../src/queue/names.ts';
import { median } from './benchmark.ts';
import type { Rig } from './rig.ts';

/** What an upload spends its time on, in order. `to …`: the queues and the reconciler. */
const SPANS = [
  'to the SHA-1',
  'SHA-1',
  'to InitUpload',
  'InitUpload',
  'to the first part',
  'parts',
  'to FinishUpload',
  'FinishUpload',
  'to the fileId',
] as const;

/** An upload of which each step was timed, in ms. */
export interface TimedUpload {
  readonly result: UploadResult;
  /** From `add` to the fileId. */
  readonly totalMs: number;
  /** From `add` to the arrival of the first request at VOD. */
  readonly firstRequestMs: number;
  readonly spans: Readonly<Record<(typeof SPANS)[number], number>>;
}

/** Uploads a file, and reads from the events of BullMQ and from the sink when each of its steps began and ended. */
export async function timeUpload(rig: Rig, options: UploadOptions): Promise<TimedUpload> {
  await rig.takeStats();
  const addedAt = Date.now();
  const upload = await rig.uploads.add(options);
  const result = await upload.result();
  const endedAt = Date.now();
  const { receivedAt, firstAt, lastAt } = await rig.takeStats();
  const jobTimes = await readJobTimes(rig, upload.id);
  const times = [addedAt, ...jobTimes.hash, ...jobTimes.init, firstAt, lastAt, ...jobTimes.finish, endedAt];
  const spans = SPANS.map((name, index) => [name, (times[index + 1] ?? 0) - (times[index] ?? 0)]);
  return {
    result,
    totalMs: endedAt - addedAt,
    firstRequestMs: (receivedAt.InitUpload?.[0] ?? Number.NaN) - addedAt,
    spans: Object.fromEntries(spans),
  };
}

/** Medians of the spans, as one line. */
export function describeSpans(uploads: readonly TimedUpload[]): string {
  return SPANS.map(
    (name) => `${name} ${Math.round(median(uploads.map(({ spans }) => spans[name])))} ms`,
  ).join(', ');
}

type JobTimes = readonly [startedAt: number, endedAt: number];

/** When the jobs of an upload became active and completed, in ms since 1970. */
async function readJobTimes(
  { redisUrl, prefix }: Rig,
  uploadId: string,
): Promise<Record<'hash' | 'init' | 'finish', JobTimes>> {
  const redis = new Redis(redisUrl);
  const read = async (stage: 'hash' | 'init' | 'finish'): Promise<JobTimes> => {
    const entries = await redis.xrevrange(`${prefix}:${QUEUES[stage]}:events`, '+', '-', 'COUNT', 100);
    const timeOf = (event: string): number => {
      const found = entries.find(
        ([, [, name, ...values]]) => name === event && values.some((value) => value.startsWith(uploadId)),
      );
      if (found === undefined) throw new Error(`Redis has no event ${event} of ${stage} for ${uploadId}`);
      return Number(found[0].split('-', 1)[0]);
    };
    return [timeOf('active'), timeOf('completed')];
  };
  try {
    return { hash: await read('hash'), init: await read('init'), finish: await read('finish') };
  } finally {
    redis.disconnect();
  }
}
