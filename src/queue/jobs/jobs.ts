import { type JobsOptions, UnrecoverableError } from 'bullmq';
import { z } from 'zod';
import { UploaderError } from '../../base/errors.ts';
import { MAX_FILE_BYTES, MAX_PARTS } from '../../upload/plan.ts';
import { fileIdSchema } from '../../vod/wire/file-id.ts';
import { PART_SIZES } from '../../vod/wire/protocol.ts';
import { formatFailure } from '../failure.ts';
import { sentPayload, toldUrl } from './webhook-payload.ts';

/*
 * What is in Redis. Every job's data is parsed by these schemas when it is taken: whoever can write to Redis is not
 * trusted to write sense.
 *
 * `schema` is the version of the whole set. Workers of two versions may run side by side, so a change that the older
 * ones could not read is a new version, and then
 * - a worker leaves jobs of a newer version for others ({@link NewerJobError});
 * - it reads those of the version before, and answers them in that version's form;
 * - an upload that it takes becomes one of its own version, whose children are, too;
 * - what producers read of an upload (`uploadView`, its progress, its result) stays as it is in every version: they are
 *   parts of applications, and not upgraded with the workers.
 */

export const SCHEMA_VERSION = 2;
/** Jobs of versions from this one on can be read. */
const OLDEST_SCHEMA_VERSION = 1;
const schemaVersion = z.int().min(OLDEST_SCHEMA_VERSION).max(SCHEMA_VERSION);

/** A job that a newer version of this program has written. Retryable: by a worker of that version. */
export class NewerJobError extends UploaderError {
  constructor(what: string, version: number) {
    super(
      'NEWER_JOB',
      `${what} is of version ${version}, and this program knows versions up to ${SCHEMA_VERSION}: a newer one must run`,
      { retryable: true },
    );
  }
}

function newerVersionOf(value: unknown): number | undefined {
  const version = (value as { readonly schema?: unknown } | null | undefined)?.schema;
  return Number.isInteger(version) && (version as number) > SCHEMA_VERSION ? (version as number) : undefined;
}

/** Priority levels of uploads: 1 goes first, 10 last. */
export const PRIORITY = { first: 1, normal: 5, last: 10 } as const;

const sha1 = z.string().regex(/^[0-9a-f]{40}$/);
const decimal = z.string().regex(/^\d{1,24}$/);
const bytes = z.int().min(0).max(MAX_FILE_BYTES);
// Far above what producers let in; they keep a forged job from becoming a request of megabytes.
const path = z.string().min(1).max(4096);
const text = z.string().min(1).max(512);
const partSize = z.union(PART_SIZES.map((size) => z.literal(size)));
const fileVersion = z.object({
  size: bytes.min(1),
  mtimeNs: decimal,
  inode: decimal,
  /** Workers of older versions neither write nor keep it. */
  ctimeNs: decimal.exactOptional(),
});
const hashed = z.object({ fileSha: sha1, version: fileVersion });
const run = z.object({ attempt: z.int().min(1), round: z.int().min(0) });

/** What ConvertVodFile is told beside the file. */
const transcodeFlags = z.object({
  screenshot: z.boolean().exactOptional(),
  watermark: z.boolean().exactOptional(),
});

/** The SHA-1 of a version of a file. */
export type Hashed = z.infer<typeof hashed>;

/** What InitUpload is told of the video, beside the file's SHA-1 and size. */
const video = z.object({
  name: text,
  type: text,
  partSize,
  tags: z.array(text).max(64).exactOptional(),
  classId: z.int().exactOptional(),
  transcode: z.boolean().exactOptional(),
  screenshot: z.boolean().exactOptional(),
  watermark: z.boolean().exactOptional(),
});

/**
 * The address of a video as it is in Redis and in webhooks: empty where VOD has told none, because programs of older
 * versions, applications and receivers among them, want a text.
 */
const storedUrlText = z.string();

export function storedUrl(url: string | null): string {
  return url ?? '';
}

const storedResult = z.object({
  /** completed: its bytes were sent, at least the last of them; instant: VOD had the whole file. */
  outcome: z.enum(['completed', 'instant']),
  fileId: fileIdSchema,
  url: storedUrlText,
  fileSha: sha1,
  /** Bytes. */
  fileSize: bytes,
  /** The name and type that VOD was given. */
  name: z.string(),
  type: z.string(),
  partsSent: z.int(),
  partsSkipped: z.int(),
  bytesSent: bytes,
  /** False for an instant upload: the video that VOD has keeps the name, tags and flags that it was given then. */
  metadataApplied: z.boolean(),
  /** From when the upload was due (enqueued, plus its delay) to its end, be that the end of its transcoding. */
  durationMs: z.int(),
});
/** As it is in Redis. */
export type StoredResult = z.infer<typeof storedResult>;

const uploadResult = storedResult.extend({
  /** Null where VOD has told none. */
  url: toldUrl,
});
/** What a finished upload reports. Of `partsSent`, `partsSkipped`, `bytesSent` only the last run counts. */
export type UploadResult = z.infer<typeof uploadResult>;

const uploadData = z.object({
  schema: schemaVersion,
  /** Absolute path. */
  source: path,
  video,
  priority: z.int().min(PRIORITY.first).max(PRIORITY.last),
  /**
   * To be asked for when VOD has the video; an instant upload's, too. With `timeoutMs` the upload ends when it is
   * transcoded, and fails when that takes longer.
   */
  transcoding: transcodeFlags.extend({ timeoutMs: z.int().min(1).exactOptional() }).exactOptional(),
  key: text.exactOptional(),
  /** Who is told of its end, beside those who are told of every upload's. */
  webhookUrl: z.string().max(2048).exactOptional(),
  /** The file's size when it was enqueued, if it was looked at then, until its SHA-1 is known. */
  size: bytes.exactOptional(),
  /**
   * Whether the SHA-1 is computed whatever is known of the file: on demand, or since VOD refused to finish to the end.
   * Workers of older versions don't look.
   */
  rehash: z.boolean().exactOptional(),
  /** Random; tells a producer whether its own `add` made this upload or found it. */
  nonce: text,
  /** The newest SHA-1 known; unless `rehash`, not computed again while the file is the same version. */
  hashed: hashed.exactOptional(),
  /** The round that the attempt has come to; absent or of an earlier attempt = 0. */
  run: run.exactOptional(),
  /** Written when VOD has the video, so that what comes after can be done again after a crash, and by a retry. */
  result: storedResult.exactOptional(),
});
export type UploadData = z.infer<typeof uploadData>;

/** What producers read of an upload, whatever its version. */
const uploadView = z.object({
  source: path,
  video: z.object({ name: text, type: text }),
  key: text.exactOptional(),
  webhookUrl: z.string().exactOptional(),
  hashed: hashed.exactOptional(),
});

/** What every child knows of its parent. */
const child = z.object({ schema: schemaVersion, uploadId: text, run });

const hashData = child.extend({
  source: path,
  known: hashed.exactOptional(),
  rehash: z.boolean().exactOptional(),
});
export type HashData = z.infer<typeof hashData>;

const initData = child.extend({
  hashed,
  video,
  /** Whether the parts that VOD lists are to be held against the file, because it has refused to finish. */
  compare: z.literal(true).exactOptional(),
});
export type InitData = z.infer<typeof initData>;

const partIndex = z
  .int()
  .min(0)
  .max(MAX_PARTS - 1);
/** In ascending order, with something between one and the next: so no part is in two of them. */
const indexRanges = z
  .array(z.tuple([partIndex, partIndex]))
  .max(MAX_PARTS)
  .refine(areApart, 'overlap');
function areApart(ranges: readonly (readonly [number, number])[]): boolean {
  return ranges.every(([first, last], index) => first <= last && first > (ranges[index - 1]?.[1] ?? -1));
}
const initValue = z.union([
  z.object({
    kind: z.literal('send'),
    partSize,
    /** Indices of the parts to send, as inclusive ranges. */
    missing: indexRanges,
    /** When parts are to be compared: the MD5s that VOD lists of all other parts, as `encodeMd5s` puts them together. */
    listedMd5s: z
      .base64()
      .max(MAX_PARTS * 24)
      .exactOptional(),
  }),
  z.object({ kind: z.literal('exists'), fileId: z.string(), url: storedUrlText }),
]);
export type InitValue = z.infer<typeof initValue>;

const md5 = z.string().regex(/^[0-9a-f]{32}$/);
const partData = child.extend({
  source: path,
  hashed,
  /** What VOD lists of this part: sent only when the file's is another. */
  listedMd5: md5.exactOptional(),
  /** Of the whole upload. */
  partSize,
  offset: bytes,
  /** Bytes. */
  dataSize: bytes.min(1).max(PART_SIZES[1]),
});
export type PartData = z.infer<typeof partData>;

/**
 * A part returns nothing, because its parent keeps every child's value; but for one that was not sent: because its upload
 * has ended, or because VOD has it as it is.
 */
export const PART_SKIPPED = 'skipped';
export const PART_SAME = 'same';
export type PartValue = typeof PART_SKIPPED | typeof PART_SAME | undefined;

const finishData = child.extend({ fileSha: sha1 });
export type FinishData = z.infer<typeof finishData>;

const finishValue = z.union([
  z.object({ kind: z.literal('finished'), fileId: z.string(), url: storedUrlText }),
  /** No reply that tells whether it took effect: VOD must be asked what it has. `reason` is a formatted failure. */
  z.object({ kind: z.literal('unknown'), reason: z.string() }),
  /** Refused for good, because parts are missing for instance: VOD must be asked as well. */
  z.object({ kind: z.literal('refused'), reason: z.string() }),
]);
export type FinishValue = z.infer<typeof finishValue>;

const transcodeData = transcodeFlags.extend({
  schema: schemaVersion,
  fileId: fileIdSchema,
  /** Absent of one that belongs to no upload. */
  uploadId: text.exactOptional(),
  run: run.exactOptional(),
  /** An earlier ConvertVodFile for this upload or by this job may have taken effect. */
  asked: z.boolean().exactOptional(),
});
export type TranscodeData = z.infer<typeof transcodeData>;

const transcodeValue = z.object({
  /** What TranscodeComplete will call it, if the reply told. */
  vodTaskId: z.string().exactOptional(),
  /** When it was asked for; milliseconds since 1970. */
  at: z.int(),
});
/** A transcoding that VOD has begun. */
export type TranscodeValue = z.infer<typeof transcodeValue>;

/** How an event came: by PullEvent, so from VOD itself; or by HTTP, so from whoever knows the callback's path. */
export const EVENT_WAYS = ['pull', 'callback'] as const;
export type EventWay = (typeof EVENT_WAYS)[number];

const eventData = z.object({
  schema: schemaVersion,
  via: z.enum(EVENT_WAYS),
  /** As VOD has it: any JSON. */
  content: z.unknown().optional(),
});
export type EventData = z.infer<typeof eventData>;

/** What has become of an event. */
export type EventValue =
  /** `uploads`: those that it was written down for. */
  | { readonly outcome: 'joined'; readonly uploads: readonly JoinedUpload[] }
  | { readonly outcome: 'not ours'; readonly reason: string };

export interface JoinedUpload {
  readonly uploadId: string;
  /** False when it had the event already. */
  readonly isNew: boolean;
  /** From the upload's end until then, in ms; absent when it had not ended. */
  readonly lagMs?: number;
}

/** What a webhook's id is made of, which is sent as a header. */
const WEBHOOK_ID = /^[\w.:-]{1,128}$/;

const webhookFields = z.object({
  schema: schemaVersion,
  uploadId: text,
  /** Which receiver: {@link webhookTarget} of its URL. */
  target: z.string().regex(/^[0-9a-f]{16}$/),
  /** Absent for one that workers know from WEBHOOK_URL: what they know need not be in Redis. */
  url: z.string().max(2048).exactOptional(),
  payload: sentPayload,
  /** The job of the event before this one, which must have ended first. */
  after: text.exactOptional(),
});
/** An event for one receiver. */
const webhookData = webhookFields
  .refine(({ payload }) => WEBHOOK_ID.test(payload.id), {
    path: ['payload', 'id'],
    error: 'is not one of letters, digits, ".", "_", ":" or "-"',
  })
  .refine(({ uploadId, payload }) => payload.data.uploadId === uploadId, {
    path: ['payload', 'data', 'uploadId'],
    error: 'is of another upload',
  })
  .refine(({ after, target, payload }) => after === undefined || isBefore(after, payload.id, target), {
    path: ['after'],
    error: 'is not of an event before this one, for the same receiver',
  });
export type WebhookData = z.infer<typeof webhookData>;

/** Names the job of an event for a receiver. */
export function webhookJobId(eventId: string, target: string): string {
  return `${eventId}-${target}`;
}

function isBefore(jobId: string, eventId: string, target: string): boolean {
  return jobId.endsWith(`-${target}`) && jobId !== webhookJobId(eventId, target);
}

/** Where an upload stands; written to its job's progress. */
const progress = z.object({
  stage: z.enum(['hashing', 'initializing', 'uploading', 'finishing', 'transcoding']),
  bytesHashed: bytes,
  /** Bytes of the file that VOD has, sent by this upload or found there. */
  bytesSent: bytes,
  totalBytes: bytes,
  /** The attempt of the upload that this is about. */
  attempt: z.int().min(1).exactOptional(),
  /** Of this stage, lately; absent until that is known. */
  bytesPerSecond: z.number().min(0).exactOptional(),
  /** When this was written; milliseconds since 1970. */
  at: z.int().exactOptional(),
});
export type StoredProgress = z.infer<typeof progress>;

/**
 * @throws {NewerJobError} when a newer version has written it
 * @throws {UnrecoverableError} naming what is wrong: data that is no sense now will be none later
 */
function parser<T>(schema: z.ZodType<T>, what: string): (value: unknown) => T {
  return (value) => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const newer = newerVersionOf(value);
    if (newer !== undefined) throw new NewerJobError(what, newer);
    const issue = parsed.error.issues[0];
    const message = `${what} is not of this version's form: ${issue?.path.join('.') || '(all)'}: ${issue?.message}`;
    throw new UnrecoverableError(formatFailure({ code: 'INVALID_JOB', message, retryable: false }));
  };
}

export const parseUploadData = parser(uploadData, 'upload job');
export const parseUploadView = parser(uploadView, 'upload job');
export const parseHashData = parser(hashData, 'hash job');
export const parseHashed = parser(hashed, 'result of a hash job');
export const parseInitData = parser(initData, 'init job');
export const parseInitValue = parser(initValue, 'result of an init job');
export const parsePartData = parser(partData, 'part job');
export const parseFinishData = parser(finishData, 'finish job');
export const parseFinishValue = parser(finishValue, 'result of a finish job');
export const parseTranscodeData = parser(transcodeData, 'transcode job');
export const parseTranscodeValue = parser(transcodeValue, 'result of a transcode job');
export const parseEventData = parser(eventData, 'event job');
export const parseWebhookData = parser(webhookData, 'webhook job');
export const parseUploadResult = parser(uploadResult, 'result of an upload');

/** @returns undefined when a job has no progress yet, or none of ours. */
export function parseProgress(value: unknown): StoredProgress | undefined {
  return progress.safeParse(value).data;
}

/**
 * Options of an upload job. It fails once per attempt and is retried by people only, so BullMQ gets no attempts. How
 * long it is kept is for the workers to say.
 */
export const UPLOAD_JOB_OPTIONS = { attempts: 1, stackTraceLimit: 1 } as const satisfies JobsOptions;

/** How long jobs are kept that are not removed at their end. */
export const KEPT_JOBS = { age: 86_400, count: 1000 } as const;

/** Options of a transcode job that belongs to no upload; its attempts span an hour or so, as those of a part. */
export const TRANSCODE_JOB_OPTIONS = {
  attempts: 60,
  backoff: { type: 'custom' },
  priority: PRIORITY.normal,
  removeOnComplete: KEPT_JOBS,
  removeOnFail: KEPT_JOBS,
  stackTraceLimit: 1,
} as const satisfies JobsOptions;

/** Parts of all uploads of a level interleave by index, so that a clip does not wait for a film enqueued before it. */
export const PART_INDICES_PER_LEVEL = 2 ** 17;

/** Priority of a part job; within BullMQ's limit of 2^21 − 1 for every level and index. */
export function partPriority(level: number, index: number): number {
  return level * PART_INDICES_PER_LEVEL + Math.min(index + 1, PART_INDICES_PER_LEVEL - 1);
}

/** A file is hashed as if it were its last part: after those that are smaller, so that a clip does not wait for films. */
export function hashPriority({ priority, size = 0, hashed, video }: UploadData): number {
  return partPriority(priority, Math.floor((hashed?.version.size ?? size) / video.partSize));
}
