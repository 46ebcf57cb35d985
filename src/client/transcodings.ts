import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Job, Queue } from 'bullmq';
import { UploaderError } from '../base/errors.ts';
import { parseFailure } from '../queue/failure.ts';
import { TRANSCODE_JOB_OPTIONS } from '../queue/jobs/options.ts';
import { SCHEMA_VERSION } from '../queue/jobs/schema.ts';
import { parseTranscodeValue, type TranscodeData } from '../queue/jobs/transcode.ts';
import { RedisUnavailableError } from '../redis/connection.ts';
import { fileIdSchema } from '../vod/wire/file-id.ts';
import { InvalidUploadError } from './upload-options.ts';

export interface TranscodeOptions {
  /** Whether VOD is to take screenshots, add the watermark set up in its console. */
  readonly screenshot?: boolean;
  readonly watermark?: boolean;
}

/** How often {@link Transcoding.begun} looks. */
const LOOK_MS = 200;

/** A request to transcode a video that VOD has, whoever uploaded it. */
export class Transcoding {
  /** Of the job in the queue `vod-transcode`. */
  readonly id: string;
  readonly fileId: string;
  readonly #find: (id: string) => Promise<Job | undefined>;

  /** @internal */
  constructor(id: string, fileId: string, find: (id: string) => Promise<Job | undefined>) {
    this.id = id;
    this.fileId = fileId;
    this.#find = find;
  }

  /**
   * Waits until VOD has begun, however long that is; goes on waiting while Redis is away. VOD tells the end by its event
   * TranscodeComplete, which has this `vodTaskId`.
   * @throws {UploaderError} when VOD refuses, with its code; `NOT_FOUND` when Redis keeps the request no longer
   */
  async begun(): Promise<{ readonly vodTaskId?: string }> {
    for (;;) {
      const job = await this.#look();
      if (job?.finishedOn != null) {
        if (job.failedReason) {
          const { code, message, retryable } = parseFailure(job.failedReason);
          throw new UploaderError(code, message, { retryable });
        }
        const { vodTaskId } = parseTranscodeValue(job.returnvalue);
        return vodTaskId === undefined ? {} : { vodTaskId };
      }
      await setTimeout(LOOK_MS);
    }
  }

  async #look(): Promise<Job | undefined> {
    let job: Job | undefined;
    try {
      job = await this.#find(this.id);
    } catch (error) {
      if (error instanceof RedisUnavailableError) return undefined;
      throw error;
    }
    if (job !== undefined) return job;
    throw new UploaderError('NOT_FOUND', `there is no request ${this.id}, or no longer`);
  }
}

/** @throws {InvalidUploadError} when that is no id of a file. */
export function checkFileId(fileId: string): void {
  if (fileIdSchema.safeParse(fileId).success) return;
  throw new InvalidUploadError(['fileId must be the digits that VOD calls the video by, as a text']);
}

/** @returns the id of the job */
export async function addTranscoding(
  queue: Queue,
  fileId: string,
  { screenshot, watermark }: TranscodeOptions,
): Promise<string> {
  const id = `t${randomBytes(12).toString('hex')}`;
  const data: TranscodeData = {
    schema: SCHEMA_VERSION,
    fileId,
    ...(screenshot !== undefined && { screenshot }),
    ...(watermark !== undefined && { watermark }),
  };
  await queue.add('transcode', data, { ...TRANSCODE_JOB_OPTIONS, jobId: id });
  return id;
}
