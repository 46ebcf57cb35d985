import * as z from 'zod';
import { defined } from '../../base/defined.ts';
import {
  type CosReply,
  checkRefusal,
  isFromCos,
  malformed,
  openCosReply,
  refusalError,
  statusError,
} from './reply.ts';

/** An object, or a part of one, as COS has it. */
export interface StoredBytes {
  /** Without quotes. */
  readonly etag: string;
  /** CRC-64 of the bytes; undefined if the reply has none. */
  readonly crc64?: bigint;
}

export interface StoredObject extends StoredBytes {
  /** Bytes. */
  readonly size: number;
}

export interface CosPart {
  readonly partNumber: number;
  /** Bytes. */
  readonly size: number;
  /** Without quotes. */
  readonly etag: string;
}

export interface PendingUpload {
  readonly uploadId: string;
  /** Milliseconds since 1970; undefined if the reply has no valid time. */
  readonly initiatedMs: number | undefined;
}

const uploadId = z.string().min(1).max(1024);
const digits = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform(Number);
const etag = z
  .string()
  .transform((text) => text.trim().replace(/^"(.*)"$/, '$1'))
  .pipe(z.string().min(1).max(256));

export function parseInitiateReply(reply: CosReply): string {
  return openCosReply(reply, 'InitiateMultipartUploadResult', z.object({ UploadId: uploadId })).UploadId;
}

const uploadsSchema = z.object({
  Upload: z
    .array(z.object({ Key: z.string(), UploadId: uploadId, Initiated: z.string().optional() }))
    .optional()
    .transform((list) => list ?? []),
});

/** The uploads of exactly this key, newest first. */
export function parseUploadsReply(reply: CosReply, key: string): PendingUpload[] {
  const { Upload } = openCosReply(reply, 'ListMultipartUploadsResult', uploadsSchema);
  return Upload.filter(({ Key }) => Key === key)
    .map(({ UploadId, Initiated = '' }) => {
      const ms = Date.parse(Initiated);
      return { uploadId: UploadId, initiatedMs: Number.isNaN(ms) ? undefined : ms };
    })
    .sort((a, b) => (b.initiatedMs ?? 0) - (a.initiatedMs ?? 0));
}

/** The reply to bytes that were sent: its headers say what COS has. */
export function parseStoredReply(reply: CosReply): StoredBytes {
  checkRefusal(reply);
  return storedBytes(reply);
}

/** @returns undefined if there is no such object */
export function parseHeadReply(reply: CosReply): StoredObject | undefined {
  const { status, headers } = reply;
  if (status === 404) return undefined;
  // A reply to HEAD has no text, so no code.
  if (status === 403 && isFromCos(reply)) throw refusalError(reply, { Code: 'AccessDenied' });
  if (status >= 300) throw statusError(reply);
  const size = digits.safeParse(headers['content-length']);
  if (!size.success) throw malformed(reply, 'the reply has no valid Content-Length');
  return { ...storedBytes(reply), size: size.data };
}

const partsSchema = z.object({
  IsTruncated: z.string().optional(),
  NextPartNumberMarker: digits.optional().catch(undefined),
  Part: z
    .array(z.object({ PartNumber: digits, Size: digits, ETag: etag }))
    .optional()
    .transform((list) => list ?? []),
});

/** One page of the parts. @param after the number after which the page begins */
export function parsePartsReply(
  reply: CosReply,
  after: number,
): { readonly parts: CosPart[]; readonly nextAfter: number | undefined } {
  const { IsTruncated, NextPartNumberMarker, Part } = openCosReply(reply, 'ListPartsResult', partsSchema);
  const parts = Part.map(({ PartNumber, Size, ETag }) => ({
    partNumber: PartNumber,
    size: Size,
    etag: ETag,
  }));
  if (IsTruncated !== 'true') return { parts, nextAfter: undefined };
  // Otherwise the pages would never end.
  if (NextPartNumberMarker === undefined || NextPartNumberMarker <= after) {
    throw malformed(reply, 'the reply has no valid NextPartNumberMarker');
  }
  return { parts, nextAfter: NextPartNumberMarker };
}

/** The status may be 200 before COS knows the end: the text decides. */
export function parseCompleteReply(reply: CosReply): StoredBytes {
  const { ETag } = openCosReply(reply, 'CompleteMultipartUploadResult', z.object({ ETag: etag }));
  return { etag: ETag, ...defined({ crc64: crc64Of(reply) }) };
}

function storedBytes(reply: CosReply): StoredBytes {
  const tag = etag.safeParse(reply.headers.etag);
  if (!tag.success) throw malformed(reply, 'the reply has no ETag');
  return { etag: tag.data, ...defined({ crc64: crc64Of(reply) }) };
}

function crc64Of({ headers }: CosReply): bigint | undefined {
  const text = headers['x-cos-hash-crc64ecma'];
  return typeof text === 'string' && /^\d{1,20}$/.test(text) ? BigInt.asUintN(64, BigInt(text)) : undefined;
}
