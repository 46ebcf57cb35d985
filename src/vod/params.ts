import { randomInt } from 'node:crypto';
import type { ConvertRequest, InitRequest, PartRequest, SignatureMethod, VodAction } from './protocol.ts';
import type { Params } from './sign.ts';

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
