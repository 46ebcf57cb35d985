import type { QuotaAction, ReceivedPart } from '../vod/wire/protocol.ts';
import type { VodError } from '../vod/wire/vod-error.ts';

/** The file of an upload, as its service knows it. */
export interface UploadedFile {
  readonly uploadId: string;
  /** Bytes. */
  readonly fileSize: number;
  /** SHA-1 of the whole file, lower-case hex; absent if it was not computed. */
  readonly fileSha?: string;
}

/** What a video is to be called in VOD, and what VOD is to do with it. */
export interface NewVideo {
  /** Without the extension. */
  readonly name: string;
  /** Extension without a dot. */
  readonly type: string;
  /** Requested part size, in bytes. Absent: the backend chooses. */
  readonly partSize?: number;
  readonly tags?: readonly string[];
  readonly classId?: number;
  readonly transcode?: boolean;
  readonly screenshot?: boolean;
  readonly watermark?: boolean;
  /** Name of the task flow that VOD runs on the video. */
  readonly procedure?: string;
  /** Where VOD keeps the video, such as `ap-chongqing`. */
  readonly storageRegion?: string;
  /** When VOD deletes the video: ISO 8601, with a time zone. */
  readonly expireTime?: string;
  /** Text that VOD repeats in the events of the video. */
  readonly sourceContext?: string;
  /** Path of the video in an application that has paths; begins with `/`. */
  readonly storagePath?: string;
}

/** The picture that VOD shows for a video. */
export interface Cover {
  /** Extension without a dot: `jpg`. */
  readonly type: string;
  readonly bytes: Uint8Array;
}

/** A video that VOD has. */
export interface StoredVideo {
  readonly fileId: string;
  /** Null if VOD returned none. */
  readonly url: string | null;
}

/**
 * What a backend keeps of one upload from `begin` to `finish`: text for Redis that only the backend reads, without
 * readable secrets. At most {@link MAX_SESSION_LENGTH} characters.
 */
export type Session = string;
export const MAX_SESSION_LENGTH = 16_384;

export interface BeginRequest {
  readonly file: UploadedFile;
  readonly video: NewVideo;
  /** Reads the cover; absent if the video has none. Rejects with SourceError. */
  readonly readCover?: (signal: AbortSignal) => Promise<Cover>;
  /** The last session of this upload, which may be over. */
  readonly resume?: Session;
  /** How many sessions of this attempt have expired. */
  readonly expiredSessions: number;
  /** A video of the same content that an earlier upload made. */
  readonly known?: StoredVideo;
}

/** What an upload has to do after `begin`. */
export type Begun =
  /**
   * Nothing: VOD has the whole file (instant upload). `own`: this upload made the video, in an earlier attempt whose end was
   * lost.
   */
  | ({ readonly kind: 'exists'; readonly own?: true } & StoredVideo)
  | {
      /** Send the parts of this size that are not among those received. */
      readonly kind: 'send';
      readonly partSize: number;
      readonly received: readonly ReceivedPart[];
      /** The received parts must be compared with the file, because `finish` needs their checksums. */
      readonly compare?: true;
      readonly session?: Session;
    };

/** The bytes of a part. */
export interface PartBody {
  readonly byteLength: number;
  /** All bytes and their digest, if the part is small enough to be kept in memory. */
  readonly whole?: { readonly bytes: Uint8Array; readonly digest: string };
  /**
   * Reads the bytes in pieces. To be called once. A piece is valid until the next but one is requested, or the call that
   * sends them has settled.
   * @param onDigest called with the digest of each piece, before it is yielded
   */
  pieces(signal: AbortSignal, onDigest: (piece: PieceDigest) => void): AsyncIterable<Uint8Array>;
}

/** The digest of a piece, of the kind {@link UploadBackend.partDigest}. */
export interface PieceDigest {
  readonly byteLength: number;
  /** In hex. */
  readonly digest: string;
}

/** An upload that has begun. */
export interface BegunUpload {
  readonly uploadId: string;
  readonly fileSha?: string;
  readonly session?: Session;
}

/** One part of a file. */
export interface PartToSend {
  readonly upload: BegunUpload;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly body: PartBody;
}

/** A part that VOD has, and that agrees with the file. */
export interface ListedPart {
  readonly upload: BegunUpload;
  readonly offset: number;
  /** As VOD lists it, which is that of the file's bytes; lower-case hex. */
  readonly md5: string;
  /** Of the file's bytes, piece by piece. */
  readonly pieces: readonly PieceDigest[];
}

/** What one job keeps for its later starts, if it is interrupted. */
export interface Memo {
  readonly value: string | undefined;
  save(value: string): Promise<void>;
}

/**
 * What the failure of a `finish` says:
 * - unknown: it may have taken effect; `begin` tells.
 * - refused: VOD refused it for good, for instance because parts are missing; `begin` tells which.
 */
export type FailedFinish = 'unknown' | 'refused';

/** The stages that call VOD to upload a file. */
export type UploadStage = 'init' | 'part' | 'finish';

/**
 * How a file is uploaded by one of the service's APIs. The flow of an upload knows only this. No call repeats a request:
 * its job is retried. Calls reject with VodError (refused; kind `session`: the session is over, begin anew) or
 * VodTransportError (no answer; code ABORTED when `signal` aborted).
 */
export interface UploadBackend {
  /** The action of each stage that counts towards the account's quota, at most once per call. */
  readonly quotaActions: Readonly<Partial<Record<UploadStage, QuotaAction>>>;
  /** Whether `begin` needs the SHA-1 of the file. */
  readonly needsSha1: boolean;
  /** Whether VOD itself knows which contents it has, so that `begin` needs no `known`. */
  readonly knowsContents: boolean;
  /** The digest that `sendPart` needs of a part. */
  readonly partDigest: 'md5' | 'crc64';
  /** Why a file of this many bytes can't be uploaded; undefined if it can. */
  sizeProblem(fileSize: number): string | undefined;
  /** Finds out what VOD has of a file, and prepares VOD for the rest. May be called again at any time. */
  begin(request: BeginRequest, memo: Memo, signal: AbortSignal): Promise<Begun>;
  /**
   * Sends one part. May be called again with the same part.
   * @returns its checksum, if `finish` needs the checksums of all parts
   */
  sendPart(part: PartToSend, signal: AbortSignal): Promise<string | undefined>;
  /** The checksum of a part that need not be sent. */
  checksumOf(part: ListedPart): Promise<string | undefined>;
  /**
   * Makes a video of the parts, all of which VOD has.
   * @param checksum of all parts, combined by `combineChecksums`; absent if parts have none
   */
  finish(
    upload: BegunUpload,
    checksum: string | undefined,
    memo: Memo,
    signal: AbortSignal,
  ): Promise<StoredVideo>;
  /** @returns undefined if `finish` can be called again */
  failedFinish(error: VodError): FailedFinish | undefined;
  /** Deletes at VOD what was sent in a session that will not be finished. */
  abandon(upload: BegunUpload, signal: AbortSignal): Promise<void>;
  /**
   * Checks whether VOD accepts the key, by a request that changes nothing.
   * @returns the code of VOD's answer
   */
  checkKey(signal: AbortSignal): Promise<string>;
  /** The action that `checkKey` counts as. */
  readonly checkAction: QuotaAction;
  /** Closes idle sockets. Calls in flight continue. */
  close(): void;
}
