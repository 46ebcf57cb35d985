import { isDeepStrictEqual } from 'node:util';
import { UploaderError } from '../base/errors.ts';
import type { UploadData } from '../queue/jobs/upload.ts';
import type { FileVersion } from '../source/source.ts';

/** For each option of `add` that is compared: how to read its value from job data. */
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
  procedure: ({ video, transcoding }) => video.procedure ?? transcoding?.procedure,
  storageRegion: ({ video }) => video.storageRegion,
  expireTime: ({ video }) => video.expireTime,
  sourceContext: ({ video }) => video.sourceContext,
  storagePath: ({ video }) => video.storagePath,
  cover: ({ cover }) => cover,
  hash: ({ hash }) => hash ?? false,
  partSize: ({ video }) => video.partSize,
  priority: ({ priority }) => priority,
  webhookUrl: ({ webhookUrl }) => webhookUrl,
};

/**
 * How an existing upload differs from a new request with the same key: names of options, and `file` when the file was
 * modified since.
 * @param version the file's current version; undefined if it was not checked
 */
export function differingOptions(
  existing: UploadData,
  requested: UploadData,
  version?: FileVersion,
): string[] {
  const names = Object.entries(COMPARED)
    .filter(([, read]) => !isDeepStrictEqual(read(existing), read(requested)))
    .map(([name]) => name);
  return version !== undefined && isModified(existing, version) ? ['file', ...names] : names;
}

function isModified({ hashed, size }: UploadData, current: FileVersion): boolean {
  if (hashed === undefined) return size !== undefined && size !== current.size;
  return hashed.version.size !== current.size || hashed.version.mtimeNs !== current.mtimeNs;
}

/** Text for warnings and errors about a key conflict. */
export function describeConflict(key: string, differs: readonly string[]): string {
  const list = differs.join(', ').replace(/\bfile\b/, 'the file itself');
  return `key ${JSON.stringify(key)} was added before, and differs in: ${list}`;
}

/** Thrown by `add` with `onConflict: 'error'` when the existing upload with this key differs from the requested one. */
export class KeyConflictError extends UploaderError {
  /** Id of the existing upload. */
  readonly uploadId: string;
  /** Names of options, and `file` when the file was modified. */
  readonly differs: readonly string[];

  constructor(uploadId: string, key: string, differs: readonly string[]) {
    super('KEY_CONFLICT', `${describeConflict(key, differs)}. The existing upload ${uploadId} is unchanged`);
    this.uploadId = uploadId;
    this.differs = differs;
  }
}
