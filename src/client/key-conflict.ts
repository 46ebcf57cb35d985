import { isDeepStrictEqual } from 'node:util';
import { UploaderError } from '../base/errors.ts';
import type { UploadData } from '../queue/jobs/upload.ts';
import type { FileVersion } from '../source/source.ts';

/** What an upload was asked for: by the names of the options of `add`, what is compared of each. */
const COMPARED: Readonly<Record<string, (data: UploadData) => unknown>> = {
  name: ({ video }) => video.name,
  type: ({ video }) => video.type,
  tags: ({ video }) => video.tags ?? [],
  classId: ({ video }) => video.classId,
  transcode: ({ video, transcoding }) => (transcoding !== undefined ? 'after' : (video.transcode ?? false)),
  screenshot: ({ video, transcoding }) => video.screenshot ?? transcoding?.screenshot ?? false,
  watermark: ({ video, transcoding }) => video.watermark ?? transcoding?.watermark ?? false,
  waitFor: ({ transcoding }) => transcoding?.timeoutMs !== undefined,
  transcodeTimeoutMs: ({ transcoding }) => transcoding?.timeoutMs,
  partSize: ({ video }) => video.partSize,
  priority: ({ priority }) => priority,
  webhookUrl: ({ webhookUrl }) => webhookUrl,
};

/**
 * What differs between an upload that was there already and one that was asked for with its key: names of options, and
 * `file` when the file has been written since.
 * @param version of the file now; undefined when nobody has looked
 */
export function differences(there: UploadData, asked: UploadData, version?: FileVersion): string[] {
  const options = Object.entries(COMPARED).filter(([, of]) => !isDeepStrictEqual(of(there), of(asked)));
  const names = options.map(([name]) => name);
  return version !== undefined && isOtherFile(there, version) ? ['file', ...names] : names;
}

function isOtherFile({ hashed, size }: UploadData, now: FileVersion): boolean {
  if (hashed === undefined) return size !== undefined && size !== now.size;
  return hashed.version.size !== now.size || hashed.version.mtimeNs !== now.mtimeNs;
}

/** What to say of an upload that is not what was asked for. */
export function describeConflict(key: string, differs: readonly string[]): string {
  const what = differs.join(', ').replace(/\bfile\b/, 'the file itself');
  return `key ${JSON.stringify(key)} was added before, and differs in: ${what}`;
}

/** An `add` with `onConflict: 'error'` has found an upload that differs from what it asks for. */
export class KeyConflictError extends UploaderError {
  readonly uploadId: string;
  /** Names of options, and `file`. */
  readonly differs: readonly string[];

  constructor(uploadId: string, key: string, differs: readonly string[]) {
    super('KEY_CONFLICT', `${describeConflict(key, differs)}. It stays as it is, as upload ${uploadId}`);
    this.uploadId = uploadId;
    this.differs = differs;
  }
}
