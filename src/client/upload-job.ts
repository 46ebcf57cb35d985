import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { defined } from '../base/defined.ts';
import { SCHEMA_VERSION } from '../queue/jobs/schema.ts';
import type { UploadData } from '../queue/jobs/upload.ts';
import { idOfKey } from '../queue/names.ts';
import { inspectFile } from '../source/inspect-file.ts';
import type { FileVersion } from '../source/source.ts';
import { checkName, checkType, deriveName, missingTypeProblem } from '../upload/name.ts';
import { tooManyParts } from '../upload/plan.ts';
import { initQueryBytes, MAX_QUERY_BYTES } from '../vod/wire/params.ts';
import { InvalidUploadError, type UploadOptions } from './upload-options.ts';
import { combinationProblems, type ParsedOptions, parseUploadOptions } from './upload-options-schema.ts';

/** A job that is ready to be enqueued. */
export interface UploadJob {
  readonly id: string;
  readonly data: UploadData;
  readonly delayMs: number;
  /** The file's current version; undefined with `checkSource: false`. */
  readonly version: FileVersion | undefined;
  readonly onConflict: NonNullable<UploadOptions['onConflict']>;
}

const DEFAULT_TRANSCODE_TIMEOUT_MS = 6 * 3_600_000;

/**
 * Checks everything that can be checked before an upload is enqueued.
 * @param roots the directories that workers allow, if known
 * @param allowPrivateWebhooks whether webhook URLs may use http and private addresses
 * @throws {InvalidUploadError} naming every invalid option
 * @throws {SourceError} when the file does not exist, is empty, is not a regular file, or is outside the roots
 */
export async function toUploadJob(
  options: UploadOptions,
  roots: readonly string[] | undefined,
  allowPrivateWebhooks = false,
): Promise<UploadJob> {
  const parsed = parseUploadOptions(options);
  const { key, partSize } = parsed;
  const source = resolve(parsed.source);
  const { name, type, problems } = nameAndType(source, parsed);
  const queryProblem = queryLengthProblem(parsed, name, type ?? '');
  const all = [...combinationProblems(parsed, allowPrivateWebhooks), ...problems, ...queryProblem];
  if (all.length > 0 || type === undefined) throw new InvalidUploadError(all);
  const version = parsed.checkSource ? await inspectFile(source, roots ?? ['/']) : undefined;
  const sizeProblem = version && tooManyParts(version.size, partSize);
  if (sizeProblem) throw new InvalidUploadError([`source ${source} is too large: ${sizeProblem}`]);
  return {
    id: key === undefined ? `u${randomBytes(12).toString('hex')}` : idOfKey(key),
    delayMs: parsed.delay,
    version,
    onConflict: parsed.onConflict,
    data: toUploadData(parsed, { source, name, type, size: version?.size }),
  };
}

/** The video's name and type: as given, or derived from the file's path. */
export function nameAndType(
  source: string,
  given: { readonly name?: string | undefined; readonly type?: string | undefined },
): { readonly name: string; readonly type: string | undefined; readonly problems: string[] } {
  const derived = deriveName(source);
  const name = given.name ?? derived.name;
  const type = given.type?.toLowerCase().replace(/^\./, '') ?? derived.type;
  const typeProblem = type === undefined ? missingTypeProblem(source) : checkType(type);
  return { name, type, problems: [checkName(name), typeProblem].filter((problem) => problem !== undefined) };
}

/** InitUpload sends name and tags in its query, whose length servers limit. */
function queryLengthProblem(
  { tags, classId, partSize }: ParsedOptions,
  name: string,
  type: string,
): string[] {
  const bytes = initQueryBytes({
    fileName: name,
    fileType: type,
    dataSize: partSize,
    transcode: true,
    screenshot: true,
    watermark: true,
    ...defined({ tags, classId }),
  });
  if (bytes <= MAX_QUERY_BYTES) return [];
  return [
    `tags are too long together: InitUpload's query would have ${bytes} bytes, more than the ${MAX_QUERY_BYTES} that ` +
      'servers accept; a non-ASCII character takes up to 12 bytes there',
  ];
}

/** The job data of an upload whose options are valid. */
export function toUploadData(
  options: ParsedOptions,
  file: {
    readonly source: string;
    readonly name: string;
    readonly type: string;
    readonly size: number | undefined;
  },
): UploadData {
  const { transcode, screenshot, watermark, tags, classId, partSize, priority, key, webhookUrl } = options;
  const { source, name, type, size } = file;
  const isTranscodedAfter = transcode === 'after';
  const video = { name, type, partSize, ...defined({ tags, classId }) };
  const timeoutMs =
    options.waitFor === 'transcoded'
      ? (options.transcodeTimeoutMs ?? DEFAULT_TRANSCODE_TIMEOUT_MS)
      : undefined;
  return {
    schema: SCHEMA_VERSION,
    source,
    video: isTranscodedAfter ? video : { ...video, ...defined({ transcode, screenshot, watermark }) },
    ...(isTranscodedAfter && { transcoding: defined({ screenshot, watermark, timeoutMs }) }),
    priority,
    ...defined({ key, webhookUrl, size }),
    ...(options.rehash && { rehash: true }),
    nonce: randomBytes(8).toString('base64url'),
  };
}
