import { UploaderError } from '../base/errors.ts';
import type { ReceivedEvent } from '../events/vod-event-log.ts';
import type { UploadResult } from '../queue/jobs/upload-result.ts';
import { UploadFailedError, type UploadProgress, type UploadStatus } from '../status/status.ts';
import type { UploadReader } from './upload-reader.ts';

/** Handle of one upload. */
export class Upload {
  readonly id: string;
  /** False when an upload with this key existed already. */
  readonly created: boolean;
  /**
   * How the existing upload with this key differs from what this `add` requested: names of options, and `file` when the
   * file was modified since. The existing upload is not changed. Empty when nothing differs, or the upload was created.
   */
  readonly differs: readonly string[];
  readonly #reader: UploadReader;

  /** @internal */
  constructor(
    reader: UploadReader,
    upload: { readonly id: string; readonly created: boolean; readonly differs: readonly string[] },
  ) {
    this.#reader = reader;
    this.id = upload.id;
    this.created = upload.created;
    this.differs = upload.differs;
  }

  /** @throws {UploaderError} `NOT_FOUND` when Redis no longer keeps the upload */
  async status(): Promise<UploadStatus> {
    return await this.#reader.status(this.id);
  }

  /**
   * The events that VOD has sent about the video, such as NewFileUpload and TranscodeComplete, in the order of arrival.
   * Needs a worker that runs the stage `events`, or a `vod-upload ops` that receives VOD's callbacks.
   * @throws {UploaderError} `NOT_FOUND` when Redis no longer keeps the upload
   */
  async events(): Promise<ReceivedEvent[]> {
    return await this.#reader.events(this.id);
  }

  /** Yields the upload's progress whenever it changes, and returns when the upload has ended, whatever its outcome. */
  async *progress(): AsyncGenerator<UploadProgress, void, undefined> {
    let last = '';
    for await (const { progress } of this.#reader.follow(this.id, 'change')) {
      const now = JSON.stringify(progress);
      if (now !== last) yield progress;
      last = now;
    }
  }

  /**
   * Waits until the upload has ended, with no time limit, and also while Redis is unavailable.
   * @throws {UploadFailedError} when the upload failed or was cancelled
   */
  async result(): Promise<UploadResult> {
    for await (const { error, result } of this.#reader.follow(this.id, 'end')) {
      if (error !== undefined) throw new UploadFailedError(this.id, error);
      if (result !== undefined) return result;
    }
    throw new UploaderError('CLOSED', `stopped waiting for upload ${this.id}: VodUploads was closed`);
  }
}
