import { isAbsolute } from 'node:path';
import { z } from 'zod';
import { receiverProblem } from '../notify/webhook/url.ts';
import { PRIORITY } from '../queue/jobs/priority.ts';
import { PART_SIZES } from '../vod/wire/protocol.ts';
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

const flag = z.boolean('must be true or false').optional();
const schema = z.strictObject({
  source: z
    .string('must be the path of a file')
    .min(1, 'must be the path of a file')
    .max(4096, 'must be at most 4096 characters'),
  name: z.string('must be a string').optional(),
  type: z.string('must be a string').optional(),
  tags: z.array(tag, 'must be an array of strings').max(32, 'must be at most 32').optional(),
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
    .default(PART_SIZES[1]),
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

/** Rules that the schema can't express: those across options, and those of webhook URLs. */
export function combinationProblems(
  { source, transcode, waitFor, transcodeTimeoutMs, checkSource, webhookUrl }: ParsedOptions,
  allowPrivateWebhooks: boolean,
): string[] {
  const problems: string[] = [];
  if (waitFor === 'transcoded' && transcode !== 'after')
    problems.push("waitFor can only be 'transcoded' when transcode is 'after'");
  if (transcodeTimeoutMs !== undefined && waitFor !== 'transcoded')
    problems.push("transcodeTimeoutMs is only for waitFor 'transcoded'");
  if (!checkSource && !isAbsolute(source))
    problems.push('source must be an absolute path when checkSource is false');
  const urlProblem = webhookUrl === undefined ? undefined : receiverProblem(webhookUrl, allowPrivateWebhooks);
  if (urlProblem !== undefined) problems.push(`webhookUrl ${urlProblem}`);
  return problems;
}
