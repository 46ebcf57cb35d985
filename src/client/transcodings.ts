import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Job, Queue } from 'bullmq';
import type { TranscodeOptions } from '../backend/media.ts';
import { transcodeProblem } from '../backend/unsupported.ts';
import { defined } from '../base/defined.ts';
import { UploaderError } from '../base/errors.ts';
import { parseFailure } from '../queue/failure.ts';
import { TRANSCODE_JOB_OPTIONS } from '../queue/jobs/options.ts';
import { SCHEMA_VERSION } from '../queue/jobs/schema.ts';
import { parseTranscodeValue, type TranscodeData } from '../queue/jobs/transcode.ts';
import { RedisUnavailableError } from '../redis/errors.ts';
import { fileIdSchema } from '../vod/wire/file-id.ts';
import type { VodApi } from '../vod/wire/protocol.ts';
import { InvalidUploadError } from './upload-options.ts';
import { procedureName } from './upload-options-schema.ts';

/** How often {@link Transcoding.begun} reads the job. */
const POLL_MS = 200;

/** Handle of a request to transcode a video in VOD. */
export class Transcoding {
  /** Id of the job in the queue `vod-transcode`. */
  readonly id: string;
  readonly fileId: string;
  readonly #getJob: (id: string) => Promise<Job | undefined>;

  /** @internal */
  constructor(id: string, fileId: string, getJob: (id: string) => Promise<Job | undefined>) {
    this.id = id;
    this.fileId = fileId;
    this.#getJob = getJob;
  }

  /**
   * Waits until VOD has started transcoding, with no time limit, and also while Redis is unavailable. VOD reports the end
   * with the event TranscodeComplete, or ProcedureStateChanged by API 3.0, which contains this `vodTaskId`.
   * @throws {UploaderError} with VOD's code when VOD refuses; `NOT_FOUND` when Redis no longer keeps the request
   */
  async begun(): Promise<{ readonly vodTaskId?: string }> {
    for (;;) {
      const job = await this.#read();
      if (job?.finishedOn != null) {
        if (job.failedReason) {
          const { code, message, retryable } = parseFailure(job.failedReason);
          throw new UploaderError(code, message, { retryable });
        }
        const { vodTaskId } = parseTranscodeValue(job.returnvalue);
        return defined({ vodTaskId });
      }
      await setTimeout(POLL_MS);
    }
  }

  /** @returns undefined while Redis is unavailable */
  async #read(): Promise<Job | undefined> {
    let job: Job | undefined;
    try {
      job = await this.#getJob(this.id);
    } catch (error) {
      if (error instanceof RedisUnavailableError) return undefined;
      throw error;
    }
    if (job !== undefined) return job;
    throw new UploaderError('NOT_FOUND', `there is no request ${this.id}, or Redis no longer keeps it`);
  }
}

/** @throws {InvalidUploadError} when `fileId` is not a VOD fileId, or the API lacks one of the options */
export function checkTranscoding(fileId: string, options: TranscodeOptions, api: VodApi): void {
  const { error: procedureError } = procedureName.optional().safeParse(options.procedure);
  const isFileId = fileIdSchema.safeParse(fileId).success;
  const problems = [
    isFileId ? undefined : "fileId must be the video's id in VOD, a string of digits",
    ...(procedureError?.issues ?? []).map(({ message }) => `procedure ${message}`),
    transcodeProblem(api, options),
  ].filter((problem) => problem !== undefined);
  if (problems.length > 0) throw new InvalidUploadError(problems);
}

/** @returns the id of the job */
export async function addTranscoding(
  queue: Queue,
  fileId: string,
  { screenshot, watermark, procedure }: TranscodeOptions,
): Promise<string> {
  const id = `t${randomBytes(12).toString('hex')}`;
  const data: TranscodeData = {
    schema: SCHEMA_VERSION,
    fileId,
    ...defined({ screenshot, watermark, procedure }),
  };
  await queue.add('transcode', data, { ...TRANSCODE_JOB_OPTIONS, jobId: id });
  return id;
}
