import * as z from 'zod';
import { defined } from '../../base/defined.ts';
import { fileIdSchema } from '../wire/file-id.ts';
import { limitDepth } from '../wire/parse-events.ts';
import type { PulledEvents } from '../wire/protocol.ts';
import { integer } from '../wire/reply.ts';
import { VodError } from '../wire/vod-error.ts';
import { type Api3Reply, malformed, parseApi3Reply } from './reply.ts';
import type { ApplyResult, CommitResult, FoundMedia } from './types.ts';

const text = z.string().min(1).max(8192);
const url = z
  .string()
  .nullish()
  .catch(null)
  .transform((value) => value || null);

/** A name that becomes part of a host's name. */
const hostPart = z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/);

/** A key as COS has it. A URL can't have the segments `.` and `..`. */
const objectKey = z
  .string()
  .max(1024)
  .transform((path) => path.replace(/^\//, ''))
  .refine((key) => key !== '' && !key.split('/').some((segment) => segment === '.' || segment === '..'));

const applySchema = z.object({
  StorageBucket: hostPart,
  StorageRegion: hostPart,
  VodSessionKey: text,
  MediaStoragePath: objectKey,
  CoverStoragePath: z
    .string()
    .nullish()
    .transform((path) => path || undefined)
    .pipe(objectKey.optional()),
  // Without it only the account's own key could upload, which the service gives no right to.
  TempCertificate: z.object({
    SecretId: text,
    SecretKey: text,
    Token: text,
    ExpiredTime: integer.refine((seconds) => seconds > 0),
  }),
});

export function parseApplyReply(reply: Api3Reply): ApplyResult {
  const fields = parseApi3Reply(reply, applySchema);
  const { SecretId, SecretKey, Token, ExpiredTime } = fields.TempCertificate;
  return {
    bucket: fields.StorageBucket,
    region: fields.StorageRegion,
    sessionKey: fields.VodSessionKey,
    mediaPath: fields.MediaStoragePath,
    ...defined({ coverPath: fields.CoverStoragePath }),
    credentials: {
      secretId: SecretId,
      secretKey: SecretKey,
      token: Token,
      expiresAtMs: ExpiredTime * 1000,
    },
  };
}

const commitSchema = z.object({ FileId: fileIdSchema, MediaUrl: url, CoverUrl: url });

export function parseCommitReply(reply: Api3Reply): CommitResult {
  const { FileId: fileId, MediaUrl, CoverUrl } = parseApi3Reply(reply, commitSchema);
  return { fileId, url: MediaUrl, coverUrl: CoverUrl };
}

const pulledSchema = z.object({
  EventSet: z
    .array(z.unknown())
    .nullish()
    .transform((list) => list ?? []),
});

const entrySchema = z.looseObject({ EventHandle: z.string().min(1).optional().catch(undefined) });

/** The reply to PullEvents. Entries that are no objects are left out and counted. */
export function parsePullEventsReply(reply: Api3Reply): PulledEvents {
  let list: readonly unknown[];
  try {
    list = parseApi3Reply(reply, pulledSchema).EventSet;
  } catch (error) {
    // When there are no events the service may answer so, too.
    if (error instanceof VodError && error.code.split('.')[0] === 'ResourceNotFound') list = [];
    else throw error;
  }
  const events = list.flatMap((entry) => {
    const { data } = entrySchema.safeParse(entry);
    if (data === undefined) return [];
    const { EventHandle, ...content } = data;
    return [{ msgHandle: EventHandle, content: limitDepth(content) }];
  });
  return { events, unreadable: list.length - events.length };
}

const processSchema = z.object({ TaskId: z.string().min(1).max(256) });

export function parseProcessReply(reply: Api3Reply): { readonly taskId: string } {
  return { taskId: parseApi3Reply(reply, processSchema).TaskId };
}

const mediaSchema = z.object({
  FileId: fileIdSchema,
  BasicInfo: z
    .object({
      MediaUrl: url,
      SourceInfo: z
        .object({ SourceContext: z.string().nullish().catch(null) })
        .nullish()
        .catch(null),
    })
    .nullish()
    .catch(null),
});

const mediaListSchema = z.object({
  MediaInfoSet: z
    .array(z.unknown())
    .nullish()
    .transform((list) => (list ?? []).flatMap((entry) => mediaSchema.safeParse(entry).data ?? [])),
});

const describeSchema = mediaListSchema.extend({
  NotExistFileIdSet: z
    .array(z.string())
    .nullish()
    .transform((list) => list ?? []),
});

/** The reply to DescribeMediaInfos for one video. @returns undefined if it does not exist */
export function parseDescribeReply(
  reply: Api3Reply,
  fileId: string,
): { readonly url: string | null } | undefined {
  const { MediaInfoSet, NotExistFileIdSet } = parseApi3Reply(reply, describeSchema);
  const media = MediaInfoSet.find(({ FileId }) => FileId === fileId);
  if (media !== undefined) return { url: media.BasicInfo?.MediaUrl ?? null };
  if (NotExistFileIdSet.includes(fileId)) return undefined;
  throw malformed(reply, 'the reply says nothing about the video');
}

/** The reply to SearchMedia: the videos with exactly this SourceContext. */
export function parseSearchReply(reply: Api3Reply, sourceContext: string): FoundMedia[] {
  return parseApi3Reply(reply, mediaListSchema)
    .MediaInfoSet.filter(({ BasicInfo }) => BasicInfo?.SourceInfo?.SourceContext === sourceContext)
    .map(({ FileId, BasicInfo }) => ({ fileId: FileId, url: BasicInfo?.MediaUrl ?? null, sourceContext }));
}
