import { randomInt } from 'node:crypto';
import { defined } from '../../base/defined.ts';
import {
  CONFIRM_MAX,
  type ConvertRequest,
  type InitRequest,
  type PartRequest,
  type SignatureMethod,
  type VodAction,
} from './protocol.ts';
import { encodeQuery, type Params } from './sign.ts';

/** The key of an account. */
export interface VodCredentials {
  readonly secretId: string;
  readonly secretKey: string;
}

function flag(value: boolean | undefined): string | undefined {
  return value === undefined ? undefined : value ? '1' : '0';
}

/** Options that are undefined are left out, so that the service's defaults apply. */
export function initParams(request: InitRequest): Params {
  return defined({
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

/** Maximum length of a query, in bytes: usual servers accept request lines of 8 KiB, and answer 414 to longer ones. */
export const MAX_QUERY_BYTES = 8000;

/** Maximum length of the common parameters and the signature. */
const COMMON_BYTES = 400;

/** Maximum length of the query of an InitUpload, for any `fileSha` and `fileSize`. */
export function initQueryBytes(request: Omit<InitRequest, 'fileSha' | 'fileSize'>): number {
  const longest = { ...request, fileSha: 'f'.repeat(40), fileSize: Number.MAX_SAFE_INTEGER };
  return encodeQuery(initParams(longest)).length + COMMON_BYTES;
}

/** Splits handles into groups for one ConfirmEvent each, within its maximum number and the maximum length of a query. */
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
  return defined({ fileId, isScreenshot: flag(screenshot), isWatermark: flag(watermark) });
}

/** Maximum of the official PHP and Java clients. */
const NONCE_MAX = 2 ** 31 - 1;

/**
 * The parameters of every request, new for each one. The Nonce is random, so processes need not coordinate: at the quota of
 * 10,000 requests a minute two requests share Nonce and Timestamp about once in two days. The service may take that for a
 * replay (4500), which is solved by signing again.
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
    // HmacSHA1 is the service's default.
    ...(options.signatureMethod === 'HmacSHA1' ? {} : { SignatureMethod: options.signatureMethod }),
  };
}
