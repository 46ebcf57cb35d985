/** Requests and results of API 3.0. */

/** Undefined fields are left out, so that the service's defaults apply. */
export interface ApplyRequest {
  /** Extension without a dot: `mp4`. */
  readonly mediaType: string;
  readonly mediaName?: string | undefined;
  /** Extension of the cover, if one is uploaded too. */
  readonly coverType?: string | undefined;
  /** Name of the task flow that starts when the upload is committed. */
  readonly procedure?: string | undefined;
  /** When the service deletes the video, ISO 8601. */
  readonly expireTime?: string | undefined;
  readonly storageRegion?: string | undefined;
  readonly classId?: number | undefined;
  /** Returned in the event of the upload; at most 250 characters. */
  readonly sourceContext?: string | undefined;
  /** Starts with `/`; only for applications that have paths. */
  readonly mediaStoragePath?: string | undefined;
}

/** Temporary credentials for the objects of one session. */
export interface SessionCredentials {
  readonly secretId: string;
  readonly secretKey: string;
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number;
}

/** Where an upload goes, and with which credentials. A secret as a whole. */
export interface ApplyResult {
  readonly bucket: string;
  readonly region: string;
  /** For CommitUpload. */
  readonly sessionKey: string;
  /** Key of the video's object, without a leading slash. */
  readonly mediaPath: string;
  /** The same of the cover; if the request had a `coverType`. */
  readonly coverPath?: string;
  readonly credentials: SessionCredentials;
}

export interface CommitResult {
  /** Digits; never a JavaScript number. */
  readonly fileId: string;
  readonly url: string | null;
  readonly coverUrl: string | null;
}

export interface ProcessRequest {
  readonly fileId: string;
  /** Name of a task flow. */
  readonly procedure: string;
  /**
   * Returned in the event of the task's end; at most 50 characters. The service refuses a request whose id another one had in
   * the last 3 days (7 according to newer documents), with code InvalidParameterValue.SessionId.
   */
  readonly sessionId?: string | undefined;
  /** Returned in the event of the task's end; at most 1000 characters. */
  readonly sessionContext?: string | undefined;
}

/**
 * The service can't search by SourceContext: the other fields limit what it returns, and the exact matches are picked from
 * that. Without them a match that is older than the newest videos of the account is not found.
 */
export interface SearchRequest {
  readonly sourceContext: string;
  /** Exactly this name. */
  readonly mediaName?: string | undefined;
  /** Milliseconds since 1970. */
  readonly createdAfterMs?: number | undefined;
}

export interface FoundMedia {
  readonly fileId: string;
  readonly url: string | null;
  readonly sourceContext: string;
}
