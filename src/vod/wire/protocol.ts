/**
 * The words of the VOD server-upload protocol that both sides share: the client in this folder and the
 * emulator. Types and constants only, so that the two sides can't share a bug.
 *
 * Glossary:
 * - upload: one file on its way into VOD, identified there by its `fileSha`.
 * - part: a byte range of a file, identified by its offset; sent by one UploadPart.
 * - dataSize: the bytes of one part; for a whole upload, of every part but the last.
 */

/** The three calls of an upload, and those for what comes after it. */
export type VodAction =
  | 'InitUpload'
  | 'UploadPart'
  | 'FinishUpload'
  | 'ConvertVodFile'
  | 'PullEvent'
  | 'ConfirmEvent';

/** The part sizes that the service takes, in bytes: 512 KiB and 1 MiB, nothing else. */
export const PART_SIZES = [524288, 1048576] as const;
export type PartSize = (typeof PART_SIZES)[number];

export function isPartSize(value: number): value is PartSize {
  return (PART_SIZES as readonly number[]).includes(value);
}

/** `fileName`: at most this many bytes in UTF-8, without the extension. */
export const FILE_NAME_MAX_BYTES = 40;

/** `fileName`: none of these characters (the service's list). */
export const FILE_NAME_FORBIDDEN = ['\\', '/', ':', '*', '?', '"', '<', '>'] as const;

export type SignatureMethod = 'HmacSHA1' | 'HmacSHA256';

/** A part as VOD lists it in a reply to InitUpload. */
export interface ReceivedPart {
  readonly offset: number;
  readonly dataSize: number;
  /** MD5 in lower-case hex; some entries of the service's own example lack it. */
  readonly dataMd5?: string;
}

/** What InitUpload is asked. */
export interface InitRequest {
  /** File name without the extension. */
  readonly fileName: string;
  /** SHA-1 of the whole file, lower-case hex. */
  readonly fileSha: string;
  /** Bytes. */
  readonly fileSize: number;
  /** Part size wanted, in bytes; the service may answer with another one that then binds. */
  readonly dataSize: PartSize;
  /** Extension without a dot: `mp4`. */
  readonly fileType: string;
  readonly tags?: readonly string[];
  readonly classId?: number;
  readonly transcode?: boolean;
  readonly screenshot?: boolean;
  readonly watermark?: boolean;
}

/** What InitUpload answers, when it doesn't refuse. */
export type InitResult =
  /** Nothing is there: send all parts. */
  | { readonly kind: 'created' }
  /** Some parts are there. `dataSize` is the service's part size where it named one; it binds this upload. */
  | { readonly kind: 'resumable'; readonly received: readonly ReceivedPart[]; readonly dataSize?: PartSize }
  /** The whole file is there (instant upload). */
  | { readonly kind: 'exists'; readonly fileId: string; readonly url: string | null };

export interface PartRequest {
  /** SHA-1 of the whole file, lower-case hex. */
  readonly fileSha: string;
  /** Bytes from the start of the file; a multiple of the upload's part size. */
  readonly offset: number;
  /** MD5 of `body`, lower-case hex. */
  readonly dataMd5: string;
  /** The part's bytes; must stay untouched until the call has settled. */
  readonly body: Uint8Array;
}

export interface FinishResult {
  /** 17 to 20 digits; never a JavaScript number. */
  readonly fileId: string;
  /** Null where the reply has none: `fileId` is what a video is known by. */
  readonly url: string | null;
}

/** An event as PullEvent gives it. */
interface PulledEvent {
  /** What ConfirmEvent wants of it; one without it can't be confirmed, and comes again. */
  readonly msgHandle: string | undefined;
  /** Any JSON. */
  readonly content: unknown;
}

/** What one PullEvent gives. */
export interface PulledEvents {
  readonly events: readonly PulledEvent[];
  /** Entries that are no events at all. */
  readonly unreadable: number;
}

/** At most this many events are confirmed by one ConfirmEvent; PullEvent gives no more either. */
export const CONFIRM_MAX = 16;

export interface ConvertRequest {
  /** Of a video that VOD has. */
  readonly fileId: string;
  readonly screenshot?: boolean;
  readonly watermark?: boolean;
}

export interface ConvertResult {
  /** What TranscodeComplete will call this transcoding; not every reply tells. */
  readonly vodTaskId?: string;
}
