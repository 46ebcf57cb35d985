import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { defined } from '../base/defined.ts';
import { SCHEMA_VERSION } from '../queue/jobs/schema.ts';
import type { UploadData } from '../queue/jobs/upload.ts';
import { idOfKey } from '../queue/names.ts';
import { inspectFile } from '../source/inspect-file.ts';
import type { FileVersion } from '../source/source.ts';
import { checkCoverSize, coverError } from '../upload/cover.ts';
import { checkName, checkType, deriveName, missingTypeProblem } from '../upload/name.ts';
import { MAX_OBJECT_PARTS, MAX_PART_BYTES, tooManyParts } from '../upload/plan.ts';
import { initQueryBytes, MAX_QUERY_BYTES } from '../vod/wire/params.ts';
import { PART_SIZES, type VodApi } from '../vod/wire/protocol.ts';
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

/** The settings of the workers that decide what can be enqueued. */
export interface WorkerRules {
  readonly api: VodApi;
  /** The directories that workers allow, if known. */
  readonly roots?: readonly string[] | undefined;
  /** Whether webhook URLs may use http and private addresses. */
  readonly allowPrivateWebhooks: boolean;
}

const DEFAULT_TRANSCODE_TIMEOUT_MS = 6 * 3_600_000;

/**
 * Checks everything that can be checked before an upload is enqueued.
 * @throws {InvalidUploadError} naming every invalid option
 * @throws {SourceError} when the file or the cover does not exist, is empty, is not a regular file, or is outside the
 *   roots, or when the cover is too large
 */
export async function toUploadJob(options: UploadOptions, rules: WorkerRules): Promise<UploadJob> {
  const { api, roots = ['/'] } = rules;
  const parsed = parseUploadOptions(options);
  const { key } = parsed;
  const source = resolve(parsed.source);
  const cover = parsed.cover === undefined ? undefined : resolve(parsed.cover);
  const { name, type, problems } = nameAndType(source, parsed);
  const queryProblem = api === 'v2' ? queryLengthProblem(parsed, name, type ?? '') : [];
  const all = [...combinationProblems(parsed, rules), ...problems, ...queryProblem];
  if (all.length > 0 || type === undefined) throw new InvalidUploadError(all);
  const version = parsed.checkSource ? await inspectFile(source, roots) : undefined;
  const sizeProblem = version && partCountProblem(version.size, parsed.partSize, api);
  if (sizeProblem) throw new InvalidUploadError([`source ${source} is too large: ${sizeProblem}`]);
  if (parsed.checkSource && cover !== undefined) await inspectCover(cover, roots);
  return {
    id: key === undefined ? `u${randomBytes(12).toString('hex')}` : idOfKey(key),
    delayMs: parsed.delay,
    version,
    onConflict: parsed.onConflict,
    data: toUploadData(parsed, { source, cover, name, type, size: version?.size }, api),
  };
}

function partCountProblem(fileSize: number, partSize: number | undefined, api: VodApi): string | undefined {
  if (api === 'v2') return tooManyParts(fileSize, partSize ?? PART_SIZES[1]);
  const problem = tooManyParts(fileSize, partSize ?? MAX_PART_BYTES, MAX_OBJECT_PARTS);
  return problem && partSize !== undefined ? `${problem}; use a larger partSize, or none` : problem;
}

/** @throws {SourceError} */
async function inspectCover(cover: string, roots: readonly string[]): Promise<void> {
  try {
    checkCoverSize(cover, (await inspectFile(cover, roots)).size);
  } catch (error) {
    throw coverError(error);
  }
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
function queryLengthProblem({ tags, classId }: ParsedOptions, name: string, type: string): string[] {
  const bytes = initQueryBytes({
    fileName: name,
    fileType: type,
    dataSize: PART_SIZES[1],
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
    readonly cover?: string | undefined;
    readonly name: string;
    readonly type: string;
    readonly size: number | undefined;
  },
  api: VodApi,
): UploadData {
  const { transcode, screenshot, watermark, procedure, tags, classId, priority, key, webhookUrl } = options;
  const { storageRegion, sourceContext, storagePath } = options;
  const { source, cover, name, type, size } = file;
  const isTranscodedAfter = transcode === 'after';
  const partSize = options.partSize ?? (api === 'v2' ? PART_SIZES[1] : undefined);
  const expireTime = options.expireTime?.toISOString().replace(/\.\d+Z$/, 'Z');
  const video = {
    ...{ name, type },
    ...defined({ partSize, tags, classId, storageRegion, expireTime, sourceContext, storagePath }),
  };
  const processing = defined({ procedure, screenshot, watermark });
  const timeoutMs =
    options.waitFor === 'transcoded'
      ? (options.transcodeTimeoutMs ?? DEFAULT_TRANSCODE_TIMEOUT_MS)
      : undefined;
  return {
    schema: SCHEMA_VERSION,
    source,
    video: isTranscodedAfter ? video : { ...video, ...defined({ transcode }), ...processing },
    ...(isTranscodedAfter && { transcoding: { ...processing, ...defined({ timeoutMs }) } }),
    priority,
    ...defined({ key, webhookUrl, size, cover }),
    ...(options.rehash && { rehash: true }),
    ...(options.hash && { hash: true }),
    nonce: randomBytes(8).toString('base64url'),
  };
}
