/**
 * What the emulator answers: the service's reply fields, and the refusal that any rule can throw.
 * Codes and `canRetry` follow the service's error table; positive codes of 4000 and up are common to all its APIs.
 */

/** An event as it stands in `eventContent`, and as the body of a callback. */
export interface EventContent {
  readonly version: string;
  readonly eventType: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** An event as PullEvent hands it out. */
export interface PulledEvent {
  /** Of this delivery: what comes again has another one. */
  readonly msgHandle: string;
  readonly eventContent: EventContent;
}

/** A part as InitUpload lists it. */
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
  /** Only the calls of an upload have it. */
  readonly canRetry?: 0 | 1;
  readonly dataSize?: number;
  readonly listParts?: readonly ListedPart[];
  readonly fileId?: string;
  readonly url?: string;
  /** Of the transcoding that ConvertVodFile started. */
  readonly vodTaskId?: string;
  readonly eventList?: readonly PulledEvent[];
}

const codeDescriptions: Readonly<Record<number, string>> = {
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

/** Thrown by any rule: becomes the reply. */
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
  return { code, message, codeDesc: codeDescriptions[code] ?? 'Failed', canRetry };
}
