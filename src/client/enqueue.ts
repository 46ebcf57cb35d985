import { UPLOAD_JOB_OPTIONS } from '../queue/jobs/options.ts';
import { parseUploadData, type UploadData } from '../queue/jobs/upload.ts';
import { differingOptions, KeyConflictError } from './key-conflict.ts';
import type { ProducerConnection } from './producer-connection.ts';
import type { UploadJob } from './upload-job.ts';
import { InvalidUploadError, type UploadOptions } from './upload-options.ts';

/** Uploads per Redis command. */
const BATCH_SIZE = 500;
/** Limits the files that are open or stat'ed at the same time. */
const CONCURRENT_CHECKS = 32;

/** An upload after it was enqueued, or found by its key. */
export interface EnqueuedUpload {
  readonly id: string;
  readonly created: boolean;
  /** How an existing upload differs; see {@link differingOptions}. */
  readonly differs: readonly string[];
}

/** Checks many uploads. @throws {InvalidUploadError} naming each invalid one by its index */
export async function checkAll(
  many: readonly UploadOptions[],
  check: (options: UploadOptions) => Promise<UploadJob>,
): Promise<UploadJob[]> {
  const jobs: UploadJob[] = [];
  const problems: string[] = [];
  for (let from = 0; from < many.length; from += CONCURRENT_CHECKS) {
    const checked = await Promise.allSettled(many.slice(from, from + CONCURRENT_CHECKS).map(check));
    for (const [index, outcome] of checked.entries()) {
      if (outcome.status === 'fulfilled') jobs.push(outcome.value);
      else problems.push(`upload ${from + index}: ${(outcome.reason as Error).message}`);
    }
  }
  if (problems.length > 0) throw new InvalidUploadError(problems);
  return jobs;
}

/**
 * Adds uploads to the queue, in batches. A conflict of a key is thrown after all other uploads were added.
 * @throws {InvalidUploadError} when a key belongs to an upload of another file
 * @throws {KeyConflictError} with `onConflict: 'error'`
 */
export async function enqueueUploads(
  connection: ProducerConnection,
  uploads: readonly UploadJob[],
): Promise<EnqueuedUpload[]> {
  const enqueued: EnqueuedUpload[] = [];
  let conflict: InvalidUploadError | KeyConflictError | undefined;
  for (let from = 0; from < uploads.length; from += BATCH_SIZE) {
    const batch = uploads.slice(from, from + BATCH_SIZE);
    try {
      enqueued.push(...(await connection.run(() => enqueueBatch(connection, batch))));
    } catch (error) {
      if (!(error instanceof InvalidUploadError || error instanceof KeyConflictError)) throw error;
      conflict ??= error;
    }
  }
  if (conflict !== undefined) throw conflict;
  return enqueued;
}

async function enqueueBatch(
  connection: ProducerConnection,
  batch: readonly UploadJob[],
): Promise<EnqueuedUpload[]> {
  const queue = connection.queues.upload;
  const jobs = batch.map(({ id, data, delayMs }) => ({
    name: `${data.video.name}.${data.video.type}`,
    data,
    // New uploads wait behind uploads that have started: those have priority 0.
    opts: {
      ...UPLOAD_JOB_OPTIONS,
      jobId: id,
      priority: data.priority,
      ...(delayMs > 0 && { delay: delayMs }),
    },
  }));
  const [only] = jobs;
  if (jobs.length === 1 && only !== undefined) await queue.add(only.name, only.data, only.opts);
  else await queue.addBulk(jobs);
  return await Promise.all(batch.map((upload) => createdOrExisting(connection, upload)));
}

/** BullMQ does not report that a job id existed already; the nonce in the stored data shows who added the job. */
async function createdOrExisting(
  { queues }: ProducerConnection,
  { id, data, version, onConflict }: UploadJob,
): Promise<EnqueuedUpload> {
  if (data.key === undefined) return { id, created: true, differs: [] };
  const job = await queues.upload.getJob(id);
  const stored = job?.data as Partial<UploadData> | undefined;
  if (stored === undefined) return { id, created: false, differs: [] };
  if (stored.nonce === data.nonce) return { id, created: true, differs: [] };
  if (stored.source !== data.source) {
    const key = JSON.stringify(data.key);
    throw new InvalidUploadError([`key ${key} belongs to upload ${id} of ${stored.source}`]);
  }
  const differs = compare(stored, data, version);
  if (differs.length > 0 && onConflict === 'error') throw new KeyConflictError(id, data.key, differs);
  return { id, created: false, differs };
}

/** Reports no differences from an upload of a newer version, whose options this version may not know. */
function compare(stored: unknown, data: UploadData, version: UploadJob['version']): string[] {
  try {
    return differingOptions(parseUploadData(stored), data, version);
  } catch {
    return [];
  }
}
