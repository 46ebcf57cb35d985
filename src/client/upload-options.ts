import { UploaderError } from '../base/errors.ts';
import type { PartSize } from '../vod/wire/protocol.ts';

/** What to upload, and how. */
export interface UploadOptions {
  /** Path of the video file. A relative path is resolved against the working directory. */
  readonly source: string;
  /**
   * Name in VOD, without the extension: at most 40 bytes in UTF-8, without `\ / : * ? " < >`. Default: the file's name,
   * cleaned and shortened to fit. A name that is given is never altered: it is rejected if it breaks these rules.
   */
  readonly name?: string;
  /**
   * Extension without the dot, such as `mp4`: 1 to 20 letters and digits. VOD decides which types it accepts. Default:
   * the file's extension.
   */
  readonly type?: string;
  /** At most 32 tags of at most 128 bytes each. Their total length is limited too, because they are sent in a URL. */
  readonly tags?: readonly string[];
  /** Category id in VOD. */
  readonly classId?: number;
  /**
   * Whether VOD transcodes the video. `'after'`: transcoding, screenshots and watermark are requested after the upload,
   * which also works for a video that VOD already has (an instant upload). Default: false.
   */
  readonly transcode?: boolean | 'after';
  /** Whether VOD takes screenshots. Default: false. */
  readonly screenshot?: boolean;
  /** Whether VOD adds the watermark that is configured in its console. Default: false. */
  readonly watermark?: boolean;
  /**
   * When the upload counts as completed: when VOD has the video (`'uploaded'`, default), or, with `transcode: 'after'`,
   * when VOD reports that the video is transcoded. That report is an event, so it needs a worker that runs the stage
   * `events`, or VOD's callbacks.
   */
  readonly waitFor?: 'uploaded' | 'transcoded';
  /**
   * With `waitFor: 'transcoded'`: milliseconds from VOD's acceptance of the request until the upload fails. Default: 6
   * hours; at most 7 days. VOD has the video by then, and a retry uploads nothing.
   */
  readonly transcodeTimeoutMs?: number;
  /**
   * Bytes per part: 524288 or 1048576 (default). A file that VOD has parts of continues with the part size that it
   * started with.
   */
  readonly partSize?: PartSize;
  /** 1 (first) to 10 (last). Default: 5. */
  readonly priority?: number;
  /** Milliseconds to wait before the upload starts; at most 366 days. Default: 0. */
  readonly delay?: number;
  /**
   * Idempotency key, 1 to 512 bytes. A second `add` with the same key returns the existing upload, for as long as Redis
   * keeps it.
   */
  readonly key?: string;
  /**
   * What to do when the upload with this key was added with other options, or its file was modified since. The existing
   * upload is never changed: the second `add` returns what differs (`'ignore'`, default) or throws
   * {@link KeyConflictError} (`'error'`).
   */
  readonly onConflict?: 'ignore' | 'error';
  /**
   * URL that gets a webhook when the upload ends, in addition to the workers' WEBHOOK_URL: `https://…`, at most 2048
   * characters, without user and password. Stored in Redis with the upload.
   */
  readonly webhookUrl?: string;
  /**
   * `true` computes the file's SHA-1 from its bytes even if it is known for a file with this path, size and times. For
   * file systems that keep all of these when a file is rewritten. Default: false.
   */
  readonly rehash?: boolean;
  /**
   * `false` for producers that can't read the workers' disks: `source` must be an absolute path, and only workers check
   * the file. Default: true.
   */
  readonly checkSource?: boolean;
}

/** Invalid options. `problems` names each option and the rule that it breaks. */
export class InvalidUploadError extends UploaderError {
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(
      'INVALID_UPLOAD',
      problems.length === 1 ? `${problems[0]}` : `the upload is not valid: ${problems.join('; ')}`,
    );
    this.problems = problems;
  }
}
