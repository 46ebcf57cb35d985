import type { ReceivedPart, V2Action } from '../vod/wire/protocol.ts';
import type { VodError } from '../vod/wire/vod-error.ts';

/** The file of an upload, as its service knows it. */
export interface UploadedFile {
  readonly uploadId: string;
  /** Bytes. */
  readonly fileSize: number;
  /** SHA-1 of the whole file, lower-case hex. */
  readonly fileSha: string;
}

/** What a video is to be called in VOD, and what VOD is to do with it. */
export interface NewVideo {
  /** Without the extension. */
  readonly name: string;
  /** Extension without a dot. */
  readonly type: string;
  /** Requested part size, in bytes. */
  readonly partSize: number;
  readonly tags?: readonly string[];
  readonly classId?: number;
  readonly transcode?: boolean;
  readonly screenshot?: boolean;
  readonly watermark?: boolean;
}

/** A video that VOD has. */
export interface StoredVideo {
  readonly fileId: string;
  /** Null if VOD returned none. */
  readonly url: string | null;
}

/** What an upload has to do after `begin`. */
export type Begun =
  /** Nothing: VOD has the whole file (instant upload). */
  | ({ readonly kind: 'exists' } & StoredVideo)
  /** Send the parts of this size that are not among those received. */
  | { readonly kind: 'send'; readonly partSize: number; readonly received: readonly ReceivedPart[] };

/** One part of a file. */
export interface PartToSend {
  readonly file: Pick<UploadedFile, 'uploadId' | 'fileSha'>;
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Must not change until the call has settled. */
  readonly body: Uint8Array;
  /** MD5 of `body`, lower-case hex. */
  readonly md5: string;
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
 * its job is retried. Calls reject with VodError (refused) or VodTransportError (no answer; code ABORTED when `signal`
 * aborted).
 */
export interface UploadBackend {
  /** The action of each stage that counts towards the account's quota; one per call. */
  readonly quotaActions: Readonly<Record<UploadStage, V2Action>>;
  /** Why a file of this many bytes can't be uploaded; undefined if it can. */
  sizeProblem(fileSize: number): string | undefined;
  /** Finds out what VOD has of a file, and prepares VOD for the rest. May be called again at any time. */
  begin(file: UploadedFile, video: NewVideo, signal: AbortSignal): Promise<Begun>;
  /** Sends one part. May be called again with the same part. */
  sendPart(part: PartToSend, signal: AbortSignal): Promise<void>;
  /** Makes a video of the parts, all of which have been sent. */
  finish(file: Pick<UploadedFile, 'uploadId' | 'fileSha'>, signal: AbortSignal): Promise<StoredVideo>;
  /** @returns undefined if `finish` can be called again */
  failedFinish(error: VodError): FailedFinish | undefined;
  /**
   * Checks whether VOD accepts the key, by a request that changes nothing.
   * @returns the code of VOD's answer
   */
  checkKey(signal: AbortSignal): Promise<string>;
  /** The action that `checkKey` counts as. */
  readonly checkAction: V2Action;
  /** Closes idle sockets. Calls in flight continue. */
  close(): void;
}
