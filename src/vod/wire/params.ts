import { randomInt } from 'node:crypto';
import {
  CONFIRM_MAX,
  type ConvertRequest,
  type InitRequest,
  type PartRequest,
  type SignatureMethod,
  type VodAction,
} from './protocol.ts';
import { encodeQuery, type Params } from './sign.ts';

/** What the account's SecretKey signs and its SecretId names. */
export interface VodCredentials {
  readonly secretId: string;
  readonly secretKey: string;
}

function flag(value: boolean | undefined): string | undefined {
  return value === undefined ? undefined : value ? '1' : '0';
}

/** Leaves out what was not asked for, so that the service's own defaults hold. */
function given(params: Record<string, string | undefined>): Params {
  return Object.fromEntries(
    Object.entries(params).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

export function initParams(request: InitRequest): Params {
  return given({
    fileName: request.fileName,
    fileSha: request.fileSha,
    fileSize: String(request.fileSize),
    dataSize: String(request.dataSize),
    fileType: request.fileType,
    classId: request.classId?.toString(),
    isTranscode: flag(request.transcode),
    isScreenshot: flag(request.screenshot),
    isWatermark: flag(request.watermark),
    // The document's name; the official clients send `tag.1`.
    ...Object.fromEntries((request.tags ?? []).map((tag, index) => [`tags.${index + 1}`, tag])),
  });
}

/** The longest query that is sent, in bytes: the usual servers take request lines of 8 KiB, and answer 414 beyond. */
export const MAX_QUERY_BYTES = 8000;

/** What the common parameters and the signature add to a query, at most. */
const COMMON_BYTES = 400;

/** How long the query of an InitUpload is, at most; `fileSha` and `fileSize` may be any. */
export function initQueryBytes(request: Omit<InitRequest, 'fileSha' | 'fileSize'>): number {
  const longest = { ...request, fileSha: 'f'.repeat(40), fileSize: Number.MAX_SAFE_INTEGER };
  return encodeQuery(initParams(longest)).length + COMMON_BYTES;
}

/** Handles of events in groups that one ConfirmEvent can name each: few enough, and not too long together. */
export function* confirmGroups(handles: readonly string[]): Generator<readonly string[]> {
  let group: string[] = [];
  for (const handle of handles) {
    const isFull = group.length === CONFIRM_MAX || confirmQueryBytes([...group, handle]) > MAX_QUERY_BYTES;
    if (isFull && group.length > 0) {
      yield group;
      group = [];
    }
    group.push(handle);
  }
  if (group.length > 0) yield group;
}

function confirmQueryBytes(handles: readonly string[]): number {
  return encodeQuery(confirmParams(handles)).length + COMMON_BYTES;
}

export function confirmParams(handles: readonly string[]): Params {
  return Object.fromEntries(handles.map((handle, index) => [`msgHandle.${index + 1}`, handle]));
}

export function partParams(request: PartRequest): Params {
  return {
    fileSha: request.fileSha,
    offset: String(request.offset),
    dataSize: String(request.body.byteLength),
    dataMd5: request.dataMd5,
  };
}

export function finishParams(fileSha: string): Params {
  return { fileSha };
}

export function convertParams({ fileId, screenshot, watermark }: ConvertRequest): Params {
  return given({ fileId, isScreenshot: flag(screenshot), isWatermark: flag(watermark) });
}

/** The largest Nonce, the official PHP and Java clients' own: what fits everywhere in the service. */
const NONCE_MAX = 2 ** 31 - 1;

/**
 * The parameters of every request, fresh for each one. A Nonce is random, so that no two processes need to agree:
 * at the quota of 10,000 requests a minute two of them share Nonce and Timestamp about once in two days, and when the
 * service takes that for a replay (4500), signing anew resolves it.
 */
export function commonParams(
  action: VodAction,
  secretId: string,
  options: { region: string; signatureMethod: SignatureMethod; nowMs: number },
): Params {
  return {
    Action: action,
    Region: options.region,
    Timestamp: String(Math.floor(options.nowMs / 1000)),
    Nonce: String(randomInt(1, NONCE_MAX + 1)),
    SecretId: secretId,
    // HmacSHA1 is what the service takes when nothing is said.
    ...(options.signatureMethod === 'HmacSHA1' ? {} : { SignatureMethod: options.signatureMethod }),
  };
}
