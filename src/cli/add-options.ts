import { defined } from '../base/defined.ts';
import type { UploadOptions } from '../index.ts';

/** Options of `vod-upload add` as parsed by commander. */
export interface AddOptions {
  readonly name?: string;
  readonly type?: string;
  readonly tag?: readonly string[];
  readonly classId?: number;
  readonly transcode?: boolean;
  readonly screenshot?: boolean;
  readonly watermark?: boolean;
  readonly transcodeAfter?: boolean;
  readonly waitFor?: NonNullable<UploadOptions['waitFor']>;
  /** Milliseconds. */
  readonly transcodeTimeout?: number;
  readonly procedure?: string;
  readonly storageRegion?: string;
  readonly expire?: Date | string;
  readonly sourceContext?: string;
  readonly storagePath?: string;
  readonly cover?: string;
  readonly hash?: boolean;
  readonly partSize?: number;
  readonly priority?: number;
  /** Milliseconds. */
  readonly delay?: number;
  readonly key?: string;
  readonly conflict?: NonNullable<UploadOptions['onConflict']>;
  readonly webhook?: string;
  readonly rehash?: boolean;
  readonly checkSource: boolean;
  readonly wait?: boolean;
  readonly json?: boolean;
}

/** Converts the options of the command to the API's options for one file. */
export function toUploadOptions(source: string, options: AddOptions): UploadOptions {
  const {
    tag,
    transcodeAfter,
    transcodeTimeout,
    expire,
    webhook,
    conflict,
    wait: _wait,
    json: _json,
    ...same
  } = options;
  return {
    source,
    ...same,
    ...(transcodeAfter && { transcode: 'after' }),
    ...defined({
      transcodeTimeoutMs: transcodeTimeout,
      expireTime: expire,
      tags: tag,
      webhookUrl: webhook,
      onConflict: conflict,
    }),
  };
}
