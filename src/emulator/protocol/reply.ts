/**
 * Reply fields of the service, and the error for refused requests.
 * Codes and `canRetry` follow the service's error table; codes of 4000 and up are common to all its APIs.
 */

/** The `eventContent` of a pulled event, and the body of a callback for videos that came by v2. */
export interface EventContent {
  readonly version: string;
  readonly eventType: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** An event in a PullEvent reply. */
export interface PulledEvent {
  /** Identifies this delivery; a redelivery has another handle. */
  readonly msgHandle: string;
  readonly eventContent: EventContent;
}

/** A part in an InitUpload reply. */
export interface ListedPart {
  readonly offset: number;
  /** Bytes. */
  readonly dataSize: number;
  /** MD5 in lower-case hex. */
  readonly dataMd5: string;
}

export interface Reply {
  readonly code: number;
  readonly message: string;
  readonly codeDesc: string;
  /** Only in replies to upload actions. */
  readonly canRetry?: 0 | 1;
  readonly dataSize?: number;
  readonly listParts?: readonly ListedPart[];
  readonly fileId?: string;
  readonly url?: string;
  /** Of the transcoding that ConvertVodFile started. */
  readonly vodTaskId?: string;
  readonly eventList?: readonly PulledEvent[];
}

const CODE_DESCRIPTIONS: Readonly<Record<number, string>> = {
  [-10001]: 'InvalidCommonParameter',
  [-10002]: 'InvalidSignature',
  [-10003]: 'InvalidParameter',
  [-10004]: 'CacheWriteFailed',
  [-10005]: 'CacheReadFailed',
  [-10006]: 'InvalidPacketSize',
  1000: 'InvalidParameter',
  4000: 'InvalidRequest',
  4100: 'AuthFailure',
  4200: 'RequestExpired',
  4300: 'UnauthorizedOperation',
  4400: 'RequestLimitExceeded',
  4500: 'ReplayAttack',
  4600: 'UnsupportedProtocol',
  5100: 'OperationFailed',
  6000: 'InternalError',
  6100: 'UnsupportedAction',
  6200: 'UnderMaintenance',
  10009: 'UnexpectedFileStatus',
};

/** Thrown for a refused request; sent as the reply. */
export class Refusal extends Error {
  readonly code: number;
  readonly canRetry: 0 | 1;

  constructor(code: number, message: string, canRetry: 0 | 1 = 0) {
    super(message);
    this.name = 'Refusal';
    this.code = code;
    this.canRetry = canRetry;
  }
}

export function accepted(code: 0 | 1 | 2, fields: Partial<Reply> = {}): Reply {
  return { code, message: '', codeDesc: '', canRetry: 0, ...fields };
}

export function refused(code: number, message: string, canRetry: 0 | 1): Reply {
  return { code, message, codeDesc: CODE_DESCRIPTIONS[code] ?? 'Failed', canRetry };
}
