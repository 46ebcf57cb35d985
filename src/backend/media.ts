import type { PulledEvents, QuotaAction } from '../vod/wire/protocol.ts';

/** What VOD is to make of a stored video. */
export interface TranscodeOptions {
  /** Whether VOD also takes screenshots. Default: false. Only for v2. */
  readonly screenshot?: boolean;
  /** Whether VOD adds the watermark that is configured in its console. Default: false. Only for v2. */
  readonly watermark?: boolean;
  /** Name of the task flow that VOD runs on the video, at most 128 characters. Required for API 3.0, and only for it. */
  readonly procedure?: string;
}

export interface TranscodeRequest extends TranscodeOptions {
  readonly fileId: string;
  /** Identifies the request among all others; the same when it is repeated. At most {@link MAX_KEY_LENGTH} characters. */
  readonly key: string;
  /** Whether an earlier call with this key may have taken effect. */
  readonly repeated: boolean;
}

/** Maximum length of {@link TranscodeRequest.key}. */
export const MAX_KEY_LENGTH = 50;

/** By which the event of a transcoding's end is recognized; without either, the next event of the video is taken for it. */
export interface StartedTranscoding {
  /** VOD's id of the transcoding, if the reply had one. */
  readonly vodTaskId?: string;
  /** {@link TranscodeRequest.key}, if the event will have it. */
  readonly key?: string;
}

/** The calls that count towards the account's quota. */
type MediaCall = 'pullEvents' | 'confirmEvents' | 'transcode';

/**
 * What comes after an upload, by one of the service's APIs. Callers know only this. No call repeats a request. Calls reject
 * with VodError (refused) or VodTransportError (no answer; code ABORTED when `signal` aborted).
 */
export interface MediaBackend {
  /** The action of each call that counts towards the account's quota. */
  readonly quotaActions: Readonly<Record<MediaCall, QuotaAction>>;
  /**
   * Unconfirmed events, at most CONFIRM_MAX. If there are none, the service holds the request for up to 5 s. Events that
   * are not confirmed within 30 s are delivered again.
   */
  pullEvents(signal?: AbortSignal): Promise<PulledEvents>;
  /** Splits handles into groups for one `confirmEvents` each. */
  confirmGroups(handles: readonly string[]): Iterable<readonly string[]>;
  confirmEvents(group: readonly string[], signal?: AbortSignal): Promise<void>;
  /** Why these options can't be used with this API; undefined if they can. */
  transcodeProblem(options: TranscodeOptions): string | undefined;
  /**
   * Starts transcoding of a stored video; an event reports its end. If VOD recognizes a repetition of a request that has
   * taken effect, the call succeeds.
   */
  transcode(request: TranscodeRequest, signal: AbortSignal): Promise<StartedTranscoding>;
  /** Whether the refusal of `transcode` says that the video is not ready yet. */
  isUnready(error: unknown): boolean;
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
