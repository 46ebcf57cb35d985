import type { EmulatorLog } from './log.ts';
import type { Api3QuotaLimits } from './protocol/api3-quota.ts';
import type { CosAction } from './protocol/cos-actions.ts';
import type { QuotaLimits } from './protocol/quota.ts';
import type { SignatureCode } from './protocol/signature-codes.ts';
import type { Sleep } from './sleep.ts';

export interface EmulatorOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Port of the control endpoint; default 0: any free port. */
  readonly controlPort?: number;
  /** State and stored videos; kept across restarts. Only one emulator may use it at a time. */
  readonly dataDir: string;
  readonly secretId: string;
  readonly secretKey: string;
  /** Code for a wrong SecretId or signature in the upload actions; default -10002. */
  readonly signatureCode?: SignatureCode;
  /** Default: no limits. */
  readonly quotaPerMinute?: QuotaLimits;
  /**
   * The quota's sliding window, default 60,000 ms. A shorter one also shortens the wait of PullEvent, the redelivery of
   * events and the pause between callbacks in proportion.
   */
  readonly quotaWindowMs?: number;
  /** Duration of a transcoding, default 1,000 ms. */
  readonly transcodeMs?: number;
  /** URL that events are sent to. Default: none, events can only be pulled. */
  readonly callbackUrl?: string | undefined;
  /** Start of the urls of stored videos; default the emulator's origin. */
  readonly publicUrl?: string;
  /** Milliseconds since 1970; default Date.now. Also used for the Date header of replies. */
  readonly clock?: () => number;
  /** Must match `clock`; default by setTimeout. */
  readonly sleep?: Sleep;
  /** Maximum difference between a Timestamp and `clock`, default 7,200. */
  readonly clockToleranceSeconds?: number;
  /** The application that requests of API 3.0 must name; default: any, or none. */
  readonly subAppId?: number;
  /** Limits of API 3.0; default: none. `quotaWindowMs` shortens this second, too. */
  readonly quotaPerSecond?: Api3QuotaLimits;
  /** Life of the temporary credentials of ApplyUpload and of its session, default 7,200. */
  readonly sessionLifeSeconds?: number;
  /** Answer to a second CommitUpload of a session: the same FileId, or (default) an error. */
  readonly secondCommit?: 'same' | 'error';
  /** Whether ApplyUpload accepts MediaStoragePath, as applications in path mode do; default false. */
  readonly pathMode?: boolean;
  /** Whether replies of COS have `x-cos-hash-crc64ecma`; default true. */
  readonly crc64?: boolean;
  /** Actions of COS for which temporary credentials have no right; default: none. */
  readonly deniedActions?: readonly CosAction[];
  readonly log?: EmulatorLog;
}
