import { UploaderError } from '../base/errors.ts';

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
  /**
   * At most 32 tags of at most 128 bytes each. Their total length is limited too, because they are sent in a URL. Only v2
   * has tags.
   */
  readonly tags?: readonly string[];
  /** Category id in VOD. */
  readonly classId?: number;
  /**
   * Whether VOD transcodes the video. `'after'`: transcoding, screenshots and watermark are requested after the upload,
   * which also works for a video that VOD already has (an instant upload); with API 3.0 it is `procedure` that is
   * requested. Default: false. Only v2 takes `true`.
   */
  readonly transcode?: boolean | 'after';
  /** Whether VOD takes screenshots. Default: false. Only for v2. */
  readonly screenshot?: boolean;
  /** Whether VOD adds the watermark that is configured in its console. Default: false. Only for v2. */
  readonly watermark?: boolean;
  /**
   * Name of the task flow that VOD runs on the video, at most 128 characters: one that the account has set up in the
   * console, or a preset of VOD such as `LongVideoPreset`. VOD runs it when the upload ends; with `transcode: 'after'` it is
   * requested after the upload. Only for API 3.0.
   */
  readonly procedure?: string;
  /** Where VOD keeps the video, such as `ap-chongqing`. Default: what the application's settings say. Only for API 3.0. */
  readonly storageRegion?: string;
  /**
   * When VOD deletes the video for good: a date, or a text in ISO 8601 with a time zone, such as `2031-01-01T00:00:00Z`.
   * It must be later than the start of the upload. Default: never. Only for API 3.0.
   */
  readonly expireTime?: Date | string;
  /**
   * Text that VOD repeats in the event NewFileUpload of the video, at most 200 characters. Workers append the upload's id,
   * by which they find the video after a lost reply. Default: only that id. Only for API 3.0.
   */
  readonly sourceContext?: string;
  /**
   * Path of the video in VOD's storage, such as `/2031/launch.mp4`: begins with `/`, at most 850 bytes, without empty
   * segments, `.` and `..`. Only for API 3.0, and only for applications in the mode "FileID + Path".
   */
  readonly storagePath?: string;
  /**
   * Path of the picture that VOD shows for the video: at most 10 MiB, with the extension jpg, jpeg, png, gif, bmp, tif,
   * tiff, ai, cdr, eps or heif. Like `source`, it is checked unless `checkSource` is false, and workers that run the
   * stage `init` must be able to read it. Only for API 3.0.
   */
  readonly cover?: string;
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
   * Bytes per part. A file that VOD has parts of continues with the part size that it started with.
   * - v2: 524288 or 1048576 (default).
   * - API 3.0: 1048576 (1 MiB) to 5368709120 (5 GiB), and at most 10,000 parts. Default: chosen by the worker.
   */
  readonly partSize?: number;
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
   * `true` computes the SHA-1 of the file, which API 3.0 does not need: then the same content is uploaded only once
   * among these uploads, for as long as Redis keeps the first. v2 always needs the SHA-1. Default: false.
   */
  readonly hash?: boolean;
  /**
   * `false` for producers that can't read the workers' disks: `source` and `cover` must be absolute paths, and only
   * workers check the files. Default: true.
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
