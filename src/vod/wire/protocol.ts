/**
 * Types and constants of the VOD server-upload protocols, shared by the clients in this folder and the emulator. No code, so
 * that the two sides can't share a bug.
 *
 * Glossary:
 * - upload: the transfer of one file to VOD, which identifies it by its `fileSha`.
 * - part: a byte range of a file, identified by its offset; sent by one UploadPart.
 * - dataSize: the size of one part in bytes; of an upload: the size of all parts except the last.
 */

/** The three calls of an upload by v2. */
type V2UploadAction = 'InitUpload' | 'UploadPart' | 'FinishUpload';

/** The calls of v2 that come after an upload. */
type V2ApiAction = 'ConvertVodFile' | 'PullEvent' | 'ConfirmEvent';

export type V2Action = V2UploadAction | V2ApiAction;

/** The calls of API 3.0, version 2018-07-17. */
export type Api3Action =
  | 'ApplyUpload'
  | 'CommitUpload'
  | 'PullEvents'
  | 'ConfirmEvents'
  | 'ProcessMediaByProcedure'
  | 'DescribeMediaInfos'
  | 'SearchMedia';

/** The calls of object storage (COS), which gets the files of API 3.0. */
export type CosAction =
  | 'InitiateMultipartUpload'
  | 'ListMultipartUploads'
  | 'UploadPart'
  | 'ListParts'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload'
  | 'PutObject'
  | 'HeadObject';

export type VodAction = V2Action | Api3Action | CosAction;

/** The actions with a quota of the account that is counted: all of v2, and those of API 3.0 that are called often. */
export type QuotaAction = V2Action | Exclude<Api3Action, 'DescribeMediaInfos' | 'SearchMedia'>;

/** The service's APIs for uploads. */
export const VOD_APIS = ['v2', '2018-07-17'] as const;
export type VodApi = (typeof VOD_APIS)[number];

/** The only part sizes that the service accepts, in bytes: 512 KiB and 1 MiB. */
export const PART_SIZES = [524288, 1048576] as const;
export type PartSize = (typeof PART_SIZES)[number];

export function isPartSize(value: number): value is PartSize {
  return (PART_SIZES as readonly number[]).includes(value);
}

/** Maximum length of `fileName` in UTF-8, without the extension. */
export const FILE_NAME_MAX_BYTES = 40;

/** Characters that the service does not allow in `fileName`. */
export const FILE_NAME_FORBIDDEN = ['\\', '/', ':', '*', '?', '"', '<', '>'] as const;

export type SignatureMethod = 'HmacSHA1' | 'HmacSHA256';

/** A part in VOD's reply to InitUpload. */
export interface ReceivedPart {
  readonly offset: number;
  readonly dataSize: number;
  /** MD5 in lower-case hex; some entries of the service's own example lack it. */
  readonly dataMd5?: string;
}

/** Parameters of InitUpload. */
export interface InitRequest {
  /** File name without the extension. */
  readonly fileName: string;
  /** SHA-1 of the whole file, lower-case hex. */
  readonly fileSha: string;
  /** Bytes. */
  readonly fileSize: number;
  /** Requested part size, in bytes. The service may answer with another one, which then applies. */
  readonly dataSize: PartSize;
  /** Extension without a dot: `mp4`. */
  readonly fileType: string;
  readonly tags?: readonly string[];
  readonly classId?: number;
  readonly transcode?: boolean;
  readonly screenshot?: boolean;
  readonly watermark?: boolean;
}

/** The answer of InitUpload, unless it is a refusal. */
export type InitResult =
  /** VOD has no parts: send all. */
  | { readonly kind: 'created' }
  /** VOD has some parts. `dataSize` is the part size that applies, if the reply has one. */
  | { readonly kind: 'resumable'; readonly received: readonly ReceivedPart[]; readonly dataSize?: PartSize }
  /** VOD has the whole file (instant upload). */
  | { readonly kind: 'exists'; readonly fileId: string; readonly url: string | null };

export interface PartRequest {
  /** SHA-1 of the whole file, lower-case hex. */
  readonly fileSha: string;
  /** Bytes from the start of the file; a multiple of the upload's part size. */
  readonly offset: number;
  /** MD5 of `body`, lower-case hex. */
  readonly dataMd5: string;
  /** The part's bytes; must not change until the call has settled. */
  readonly body: Uint8Array;
}

export interface FinishResult {
  /** 17 to 20 digits; never a JavaScript number. */
  readonly fileId: string;
  /** Null if the reply has none; `fileId` identifies the video. */
  readonly url: string | null;
}

/** An event from PullEvent. */
interface PulledEvent {
  /** For ConfirmEvent. An event without a handle can't be confirmed and is delivered again. */
  readonly msgHandle: string | undefined;
  /** Any JSON. */
  readonly content: unknown;
}

/** The result of one PullEvent. */
export interface PulledEvents {
  readonly events: readonly PulledEvent[];
  /** Number of entries that are not events. */
  readonly unreadable: number;
}

/** Maximum number of events in one ConfirmEvent, and in one reply to PullEvent. */
export const CONFIRM_MAX = 16;

export interface ConvertRequest {
  /** Of a stored video. */
  readonly fileId: string;
  readonly screenshot?: boolean;
  readonly watermark?: boolean;
}

export interface ConvertResult {
  /** The id of this transcoding in TranscodeComplete; missing in some replies. */
  readonly vodTaskId?: string;
}
