import { randomBytes } from 'node:crypto';
import { isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { UploaderError } from '../base/errors.ts';
import { receiverProblem } from '../notify/webhook/url.ts';
import { PRIORITY } from '../queue/jobs/priority.ts';
import { SCHEMA_VERSION } from '../queue/jobs/schema.ts';
import type { UploadData } from '../queue/jobs/upload.ts';
import { idOfKey } from '../queue/names.ts';
import { inspectFile } from '../source/file.ts';
import type { FileVersion } from '../source/source.ts';
import { checkName, checkType, deriveName, missingTypeProblem } from '../upload/name.ts';
import { tooManyParts } from '../upload/plan.ts';
import { initQueryBytes, MAX_QUERY_BYTES } from '../vod/wire/params.ts';
import { PART_SIZES, type PartSize } from '../vod/wire/protocol.ts';

/** What to upload, and how. */
export interface UploadOptions {
  /** Path of the video file; made absolute from the working directory. */
  readonly source: string;
  /**
   * Name in VOD, without the extension: at most 40 bytes in UTF-8, none of `\ / : * ? " < >`. Default: the file's,
   * cleaned and shortened to fit; a name that is given is refused when it doesn't fit, never altered.
   */
  readonly name?: string;
  /** Extension without the dot, `mp4`: 1 to 20 letters and digits. VOD knows which it takes. Default: the file's. */
  readonly type?: string;
  /** At most 32, of at most 128 bytes each, and not too long together: they travel in a URL. */
  readonly tags?: readonly string[];
  /** Category id in VOD. */
  readonly classId?: number;
  /**
   * Whether VOD is to transcode the video, take screenshots, add the watermark set up in its console. `'after'`: it is
   * asked for all of that when it has the video, and so also for one that it had before (an instant upload).
   */
  readonly transcode?: boolean | 'after';
  readonly screenshot?: boolean;
  readonly watermark?: boolean;
  /**
   * When the upload has completed: when VOD has the video (default), or, with `transcode: 'after'`, when VOD has told
   * that it is transcoded. That is an event, so workers of the stage `events` or VOD's callbacks must bring those.
   */
  readonly waitFor?: 'uploaded' | 'transcoded';
  /**
   * With `waitFor: 'transcoded'`: milliseconds from VOD's consent to the upload's failure; default 6 hours, at most 7
   * days. The video is in VOD then, and a retry uploads nothing.
   */
  readonly transcodeTimeoutMs?: number;
  /** Bytes of a part: 524288 or 1048576 (default). A file that VOD has parts of keeps the size it began with. */
  readonly partSize?: PartSize;
  /** 1 (first) to 10 (last); default 5. */
  readonly priority?: number;
  /** Milliseconds to wait before the upload begins. */
  readonly delay?: number;
  /** Idempotency: a second `add` with the same key finds the first's upload, for as long as Redis keeps it. */
  readonly key?: string;
  /**
   * What happens when the upload with this key was asked for with other options, or its file has been written since: it
   * stays as it is either way, and the second `add` tells what differs (`ignore`, default) or throws
   * {@link KeyConflictError}.
   */
  readonly onConflict?: 'ignore' | 'error';
  /**
   * Told when the upload has ended, beside the workers' WEBHOOK_URL: `https://…`, at most 2048 characters, no user or
   * password. It is kept in Redis with the upload.
   */
  readonly webhookUrl?: string;
  /**
   * `true` computes the file's SHA-1 from its bytes, though it is known of a file of this path, size and times: for disks
   * that keep all of these when a file is written anew.
   */
  readonly rehash?: boolean;
  /** `false` for producers that don't see the workers' disks: the path must be absolute, and workers check it. */
  readonly checkSource?: boolean;
}

/** Options that can't be. `problems` names each option and the rule that it breaks. */
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

/** A job ready to be enqueued. */
export interface UploadJob {
  readonly id: string;
  readonly data: UploadData;
  readonly delayMs: number;
  /** What the file is now, if it was looked at. */
  readonly version: FileVersion | undefined;
  readonly onConflict: NonNullable<UploadOptions['onConflict']>;
}

const YEAR_MS = 366 * 86_400_000;
const TRANSCODE_TIMEOUT_MS = 6 * 3_600_000;
const MAX_TRANSCODE_TIMEOUT_MS = 7 * 86_400_000;
// Bounds against nonsense; VOD's documents give none. Together with all else they must fit into InitUpload's query.
const tag = z
  .string()
  .refine(
    (value) => value.trim() !== '' && !/\p{Cc}/u.test(value),
    'must not be empty or hold control characters',
  )
  .refine((value) => Buffer.byteLength(value) <= 128, 'must be at most 128 bytes');

const flag = z.boolean('must be true or false').optional();
const schema = z.strictObject({
  source: z
    .string('must be the path of a file')
    .min(1, 'must be the path of a file')
    .max(4096, 'must be at most 4096 characters'),
  name: z.string('must be a text').optional(),
  type: z.string('must be a text').optional(),
  tags: z.array(tag, 'must be a list of texts').max(32, 'must be at most 32').optional(),
  classId: z.int('must be a whole number').min(0, 'must not be negative').optional(),
  transcode: z.union([z.boolean(), z.literal('after')], "must be true, false or 'after'").optional(),
  screenshot: flag,
  watermark: flag,
  waitFor: z.enum(['uploaded', 'transcoded'], "must be 'uploaded' or 'transcoded'").optional(),
  transcodeTimeoutMs: z
    .int('must be a whole number of milliseconds')
    .min(1, 'must be at least 1')
    .max(MAX_TRANSCODE_TIMEOUT_MS, 'must be at most 7 days')
    .optional(),
  partSize: z
    .union(
      PART_SIZES.map((size) => z.literal(size)),
      `must be ${PART_SIZES.join(' or ')}`,
    )
    .optional(),
  priority: z
    .int(`must be a whole number from ${PRIORITY.first} (first) to ${PRIORITY.last} (last)`)
    .min(PRIORITY.first, `must be from ${PRIORITY.first} (first) to ${PRIORITY.last} (last)`)
    .max(PRIORITY.last, `must be from ${PRIORITY.first} (first) to ${PRIORITY.last} (last)`)
    .optional(),
  delay: z
    .int('must be a whole number of milliseconds')
    .min(0, 'must not be negative')
    .max(YEAR_MS, 'must be at most a year')
    .optional(),
  key: z
    .string('must be a text')
    .refine((value) => value !== '' && Buffer.byteLength(value) <= 512, 'must be 1 to 512 bytes')
    .optional(),
  onConflict: z.enum(['ignore', 'error'], "must be 'ignore' or 'error'").default('ignore'),
  webhookUrl: z.string('must be a text').optional(),
  rehash: flag,
  checkSource: flag,
});

/**
 * Checks everything that can be checked before an upload is enqueued.
 * @param roots directories that the workers allow, when they are known
 * @param allowPrivateWebhooks whether webhooks may be unencrypted, and of private networks
 * @throws {InvalidUploadError} naming every option that is wrong
 * @throws {SourceError} when the file is not there, empty, not a file, or outside the roots
 */
export async function toUploadJob(
  options: UploadOptions,
  roots: readonly string[] | undefined,
  allowPrivateWebhooks = false,
): Promise<UploadJob> {
  const parsed = schema.safeParse(options);
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) =>
      issue.code === 'unrecognized_keys'
        ? `there is no option ${issue.keys.join(', ')}`
        : `${issue.path.join('.') || 'the options'} ${issue.message}`,
    );
    throw new InvalidUploadError(issues);
  }
  const {
    source: given,
    checkSource = true,
    key,
    tags,
    classId,
    transcode,
    screenshot,
    watermark,
    waitFor,
    transcodeTimeoutMs,
    webhookUrl,
    rehash,
  } = parsed.data;
  const problems: string[] = [];
  if (waitFor === 'transcoded' && transcode !== 'after')
    problems.push("waitFor can only be 'transcoded' when transcode is 'after'");
  if (transcodeTimeoutMs !== undefined && waitFor !== 'transcoded')
    problems.push("transcodeTimeoutMs is only for waitFor 'transcoded'");
  if (!checkSource && !isAbsolute(given))
    problems.push('source must be an absolute path when checkSource is false');
  if (webhookUrl !== undefined) {
    const problem = receiverProblem(webhookUrl, allowPrivateWebhooks);
    if (problem !== undefined) problems.push(`webhookUrl ${problem}`);
  }
  const source = resolve(given);
  const derived = deriveName(source);
  const name = parsed.data.name ?? derived.name;
  const type = parsed.data.type?.toLowerCase().replace(/^\./, '') ?? derived.type;
  const nameProblem = checkName(name);
  if (nameProblem !== undefined) problems.push(nameProblem);
  const typeProblem = type === undefined ? missingTypeProblem(source) : checkType(type);
  if (typeProblem !== undefined) problems.push(typeProblem);
  const partSize = parsed.data.partSize ?? PART_SIZES[1];
  const queryBytes = initQueryBytes({
    ...{
      fileName: name,
      fileType: type ?? '',
      dataSize: partSize,
      transcode: true,
      screenshot: true,
      watermark: true,
    },
    ...(tags !== undefined && { tags }),
    ...(classId !== undefined && { classId }),
  });
  if (queryBytes > MAX_QUERY_BYTES) {
    problems.push(
      `tags are too long together: InitUpload's query would have ${queryBytes} bytes, more than the ${MAX_QUERY_BYTES} that ` +
        'servers take; a letter other than A to Z counts up to 12 there',
    );
  }
  if (problems.length > 0 || type === undefined) throw new InvalidUploadError(problems);
  const flags = {
    ...(screenshot !== undefined && { screenshot }),
    ...(watermark !== undefined && { watermark }),
  };
  const version = checkSource ? await inspectFile(source, roots ?? ['/']) : undefined;
  const size = version?.size;
  const sizeProblem = size === undefined ? undefined : tooManyParts(size, partSize);
  if (sizeProblem !== undefined)
    throw new InvalidUploadError([`source ${source} is too large: ${sizeProblem}`]);
  return {
    id: key === undefined ? `u${randomBytes(12).toString('hex')}` : idOfKey(key),
    delayMs: parsed.data.delay ?? 0,
    version,
    onConflict: parsed.data.onConflict,
    data: {
      schema: SCHEMA_VERSION,
      source,
      video: {
        name,
        type,
        partSize,
        ...(tags !== undefined && { tags }),
        ...(classId !== undefined && { classId }),
        ...(transcode !== 'after' && { ...(transcode !== undefined && { transcode }), ...flags }),
      },
      ...(transcode === 'after' && {
        transcoding: {
          ...flags,
          ...(waitFor === 'transcoded' && { timeoutMs: transcodeTimeoutMs ?? TRANSCODE_TIMEOUT_MS }),
        },
      }),
      priority: parsed.data.priority ?? PRIORITY.normal,
      ...(key !== undefined && { key }),
      ...(webhookUrl !== undefined && { webhookUrl }),
      ...(size !== undefined && { size }),
      ...(rehash && { rehash }),
      nonce: randomBytes(8).toString('base64url'),
    },
  };
}
