import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { partSizeProblem, unsupportedProblems } from '../backend/unsupported.ts';
import { defined } from '../base/defined.ts';
import { receiverProblem } from '../notify/webhook/url.ts';
import { PRIORITY } from '../queue/jobs/priority.ts';
import { coverTypeProblem } from '../upload/cover.ts';
import type { VodApi } from '../vod/wire/protocol.ts';
import { InvalidUploadError, type UploadOptions } from './upload-options.ts';

const MAX_DELAY_MS = 366 * 86_400_000;
const MAX_TRANSCODE_TIMEOUT_MS = 7 * 86_400_000;
const PRIORITY_RULE = `from ${PRIORITY.first} (first) to ${PRIORITY.last} (last)`;

// VOD's documents give no limits for tags: these reject obvious mistakes. The length of InitUpload's query limits them too.
const tag = z
  .string()
  .refine(
    (value) => value.trim() !== '' && !/\p{Cc}/u.test(value),
    'must not be empty or contain control characters',
  )
  .refine((value) => Buffer.byteLength(value) <= 128, 'must be at most 128 bytes');

/** Of an object in COS. */
const MAX_STORAGE_PATH_BYTES = 850;
/** Of ApplyUpload's SourceContext, which has at most 250 characters, this leaves room for the upload's id. */
const MAX_SOURCE_CONTEXT = 200;

const filePath = z
  .string('must be the path of a file')
  .min(1, 'must be the path of a file')
  .max(4096, 'must be at most 4096 characters');

/** Text without control characters. */
const line = (max: number) =>
  z
    .string('must be a string')
    .refine(
      (value) => value.trim() !== '' && !/[\p{Cc}\p{Cs}]/u.test(value),
      'must not be empty or contain control characters',
    )
    .max(max, `must be at most ${max} characters`);

/** Of a task flow. */
export const procedureName = line(128);

/** ISO 8601 has 4 digits for the year. For VOD this time means never. */
const LATEST_MS = Date.parse('9999-12-31T23:59:59Z');
const TIME_RULE = 'must be a date, or a time in ISO 8601 with a time zone, such as 2031-01-01T00:00:00Z';
const time = z
  .union([z.date(TIME_RULE), z.iso.datetime({ offset: true, error: TIME_RULE })], TIME_RULE)
  .transform((value) => new Date(value))
  .refine((value) => value.getTime() <= LATEST_MS, 'must be at most 9999-12-31T23:59:59Z');

const flag = z.boolean('must be true or false').optional();
const schema = z.strictObject({
  source: filePath,
  name: z.string('must be a string').optional(),
  type: z.string('must be a string').optional(),
  tags: z.array(tag, 'must be an array of strings').max(32, 'must be at most 32').optional(),
  classId: z.int('must be a whole number').min(0, 'must not be negative').optional(),
  transcode: z.union([z.boolean(), z.literal('after')], "must be true, false or 'after'").optional(),
  screenshot: flag,
  watermark: flag,
  procedure: procedureName.optional(),
  storageRegion: z
    .string('must be a string')
    .regex(/^[a-z]+(-[a-z0-9]+)+$/, 'must be a region such as ap-chongqing')
    .max(64, 'must be at most 64 characters')
    .optional(),
  expireTime: time.optional(),
  sourceContext: line(MAX_SOURCE_CONTEXT).optional(),
  storagePath: z
    .string('must be a string')
    .regex(/^(\/[^/\p{Cc}\p{Cs}]+)+$/u, 'must be a path such as /2031/launch.mp4, and begin with /')
    .refine((value) => !/\/\.\.?(\/|$)/.test(value), 'must not contain the segments . and ..')
    .refine(
      (value) => Buffer.byteLength(value) <= MAX_STORAGE_PATH_BYTES,
      `must be at most ${MAX_STORAGE_PATH_BYTES} bytes`,
    )
    .optional(),
  cover: filePath.optional(),
  waitFor: z.enum(['uploaded', 'transcoded'], "must be 'uploaded' or 'transcoded'").optional(),
  transcodeTimeoutMs: z
    .int('must be a whole number of milliseconds')
    .min(1, 'must be at least 1')
    .max(MAX_TRANSCODE_TIMEOUT_MS, 'must be at most 7 days')
    .optional(),
  partSize: z.int('must be a whole number of bytes').optional(),
  priority: z
    .int(`must be a whole number ${PRIORITY_RULE}`)
    .min(PRIORITY.first, `must be ${PRIORITY_RULE}`)
    .max(PRIORITY.last, `must be ${PRIORITY_RULE}`)
    .default(PRIORITY.normal),
  delay: z
    .int('must be a whole number of milliseconds')
    .min(0, 'must not be negative')
    .max(MAX_DELAY_MS, 'must be at most a year')
    .default(0),
  key: z
    .string('must be a string')
    .refine((value) => value !== '' && Buffer.byteLength(value) <= 512, 'must be 1 to 512 bytes')
    .optional(),
  onConflict: z.enum(['ignore', 'error'], "must be 'ignore' or 'error'").default('ignore'),
  webhookUrl: z.string('must be a string').optional(),
  rehash: flag,
  hash: flag,
  checkSource: z.boolean('must be true or false').default(true),
});

/** Options that fit the schema, with its defaults. */
export type ParsedOptions = Readonly<z.infer<typeof schema>>;

/** @throws {InvalidUploadError} naming each option of a wrong type or out of range */
export function parseUploadOptions(options: UploadOptions): ParsedOptions {
  const parsed = schema.safeParse(options);
  if (parsed.success) return parsed.data;
  throw new InvalidUploadError(
    parsed.error.issues.map((issue) =>
      issue.code === 'unrecognized_keys'
        ? `unknown option ${issue.keys.join(', ')}`
        : `${issue.path.join('.') || 'the options'} ${issue.message}`,
    ),
  );
}

/** Rules that the schema can't express: those across options, of webhook URLs, and of the service's APIs. */
export function combinationProblems(
  options: ParsedOptions,
  { allowPrivateWebhooks, api }: { readonly allowPrivateWebhooks: boolean; readonly api: VodApi },
): string[] {
  const { source, transcode, waitFor, transcodeTimeoutMs, checkSource, webhookUrl } = options;
  const { cover, delay, expireTime } = options;
  const problems: string[] = [];
  if (waitFor === 'transcoded' && transcode !== 'after')
    problems.push("waitFor can only be 'transcoded' when transcode is 'after'");
  if (transcodeTimeoutMs !== undefined && waitFor !== 'transcoded')
    problems.push("transcodeTimeoutMs is only for waitFor 'transcoded'");
  if (!checkSource && !isAbsolute(source))
    problems.push('source must be an absolute path when checkSource is false');
  if (!checkSource && cover !== undefined && !isAbsolute(cover))
    problems.push('cover must be an absolute path when checkSource is false');
  if (expireTime !== undefined && expireTime.getTime() <= Date.now() + delay)
    problems.push('expireTime must be later than the start of the upload');
  const urlProblem = webhookUrl === undefined ? undefined : receiverProblem(webhookUrl, allowPrivateWebhooks);
  if (urlProblem !== undefined) problems.push(`webhookUrl ${urlProblem}`);
  return [...problems, ...apiProblems(options, api)];
}

function apiProblems(options: ParsedOptions, api: VodApi): string[] {
  const { transcode, procedure, partSize, cover, expireTime } = options;
  const requested = { ...options, transcode: transcode === true, expireTime: expireTime?.toISOString() };
  const problems = unsupportedProblems(api, defined(requested), cover !== undefined);
  if (api !== 'v2') {
    if (transcode === 'after' && procedure === undefined)
      problems.push(
        "transcode 'after' needs procedure with API 3.0: the name of a task flow in VOD's console",
      );
    const typeProblem = cover === undefined ? undefined : coverTypeProblem(cover);
    if (typeProblem !== undefined) problems.push(typeProblem);
  }
  const sizeProblem = partSize === undefined ? undefined : partSizeProblem(api, partSize);
  return sizeProblem === undefined ? problems : [...problems, sizeProblem];
}
