import { z } from 'zod';
import { defined } from '../base/defined.ts';
import type { QuotasPerMinute } from '../quota/quotas.ts';
import { type SignatureMethod, VOD_APIS, type VodApi } from '../vod/wire/protocol.ts';
import type { Environment } from './environment.ts';
import { flag, integer, type Values, wholeNumber } from './variable-types.ts';

const httpUrl = z.string().refine((value) => {
  const url = URL.parse(value);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.search === '';
}, 'must be an http:// or https:// URL without credentials or query');

const cosEndpoint = z.string().refine((value) => {
  const isUrl = httpUrl.safeParse(value.replace('{bucket}', 'bucket').replace('{region}', 'region')).success;
  return isUrl && !/[{}]/.test(value.replace('{bucket}', '').replace('{region}', ''));
}, 'must be an http:// or https:// URL such as https://{bucket}.cos.{region}.myqcloud.com');

export const VOD_VARIABLES = {
  VOD_API: z.enum(VOD_APIS, `must be ${VOD_APIS.join(' or ')}`).default('v2'),
  VOD_ENDPOINT: httpUrl.optional(),
  VOD_EVENT_ENDPOINT: httpUrl.default('https://vod.api.qcloud.com/v2/index.php'),
  VOD_COS_ENDPOINT: cosEndpoint.default('https://{bucket}.cos.{region}.myqcloud.com'),
  VOD_SUB_APP_ID: wholeNumber(1, 999_999_999_999_999).optional(),
  VOD_SECRET_ID: z.string().optional(),
  VOD_SECRET_KEY: z.string().optional(),
  VOD_REGION: z
    .string()
    .regex(/^[a-z0-9-]+$/, 'must be a region such as gz')
    .optional(),
  VOD_SIGNATURE_METHOD: z
    .enum(['HmacSHA1', 'HmacSHA256'], 'must be HmacSHA1 or HmacSHA256')
    .default('HmacSHA1'),
  VOD_QUOTA_INIT_PER_MINUTE: integer(100, 0, 10_000_000),
  VOD_QUOTA_PART_PER_MINUTE: integer(10_000, 0, 10_000_000),
  VOD_QUOTA_FINISH_PER_MINUTE: integer(100, 0, 10_000_000),
  VOD_QUOTA_TRANSCODE_PER_MINUTE: integer(100, 0, 10_000_000),
  VOD_QUOTA_EVENT_PER_MINUTE: integer(1000, 0, 10_000_000),
  VOD_QUOTA_PER_SECOND: integer(100, 0, 10_000_000),
  VOD_QUOTA_GUARD_MS: integer(1000, 0, 60_000),
  VOD_QUOTA_WINDOW_MS: integer(60_000, 1000, 86_400_000),
  EVENT_CALLBACK_PATH: z
    .string()
    .regex(
      /^\/[A-Za-z0-9_-]{22,128}$/,
      'must be "/" and 22 to 128 letters, digits, "-" or "_" that nobody can guess, for example the output of openssl rand -hex 16',
    )
    .optional(),
  EVENT_CALLBACK_ONLY: flag,
};

const ENDPOINTS: Readonly<Record<VodApi, string>> = {
  v2: 'https://vod2.qcloud.com/v2/index.php',
  '2018-07-17': 'https://vod.tencentcloudapi.com/',
};

export interface VodConfig {
  readonly vod: {
    /** Which of the service's APIs uploads are sent by. */
    readonly api: VodApi;
    readonly endpoint: string;
    /** Endpoint of the calls after an upload: PullEvent and so on. */
    readonly eventEndpoint: string;
    /** URL of buckets, with `{bucket}` and `{region}`; for API 3.0. */
    readonly cosEndpoint: string;
    /** Absent = the account's default application. */
    readonly subAppId?: number;
    /** Absent = the API's default. */
    readonly region?: string;
    readonly signatureMethod: SignatureMethod;
    /** Absent when neither the variable nor its file is set; see `requireCredentials`. */
    readonly secretId?: string;
    readonly secretKey?: string;
    /** The files that they were read from; a changed file is read again. */
    readonly secretIdFile?: string;
    readonly secretKeyFile?: string;
    /** Requests per minute of the whole account; 0 = no limit of ours. */
    readonly quotaPerMinute: QuotasPerMinute;
    /** Requests per second of each action of API 3.0, of the whole account; 0 = no limit of ours. */
    readonly quotaPerSecond: number;
    /** How long a request may take to arrive at the service: its permit counts this much longer than a minute. */
    readonly quotaGuardMs: number;
    /** Length of the quota's minute: 60,000, or that of an emulator with shorter or longer minutes. */
    readonly quotaWindowMs: number;
  };
  readonly events: {
    /** Path where `vod-upload ops` takes events by HTTP, `/` and a secret; absent = it takes none. */
    readonly callbackPath?: string;
    /** Whether workers of the stage `events` don't pull events and only process those that arrive by HTTP. */
    readonly callbackOnly: boolean;
  };
}

export function vodConfig(values: Values<typeof VOD_VARIABLES>, variables: Environment): VodConfig {
  return {
    vod: {
      api: values.VOD_API,
      endpoint: values.VOD_ENDPOINT ?? ENDPOINTS[values.VOD_API],
      eventEndpoint: values.VOD_EVENT_ENDPOINT,
      cosEndpoint: values.VOD_COS_ENDPOINT,
      signatureMethod: values.VOD_SIGNATURE_METHOD,
      ...defined({
        region: values.VOD_REGION,
        subAppId: values.VOD_SUB_APP_ID,
        secretId: values.VOD_SECRET_ID,
        secretKey: values.VOD_SECRET_KEY,
        secretIdFile: variables.VOD_SECRET_ID_FILE,
        secretKeyFile: variables.VOD_SECRET_KEY_FILE,
      }),
      quotaPerMinute: {
        init: values.VOD_QUOTA_INIT_PER_MINUTE,
        part: values.VOD_QUOTA_PART_PER_MINUTE,
        finish: values.VOD_QUOTA_FINISH_PER_MINUTE,
        transcode: values.VOD_QUOTA_TRANSCODE_PER_MINUTE,
        event: values.VOD_QUOTA_EVENT_PER_MINUTE,
      },
      quotaPerSecond: values.VOD_QUOTA_PER_SECOND,
      quotaGuardMs: values.VOD_QUOTA_GUARD_MS,
      quotaWindowMs: values.VOD_QUOTA_WINDOW_MS,
    },
    events: {
      ...defined({ callbackPath: values.EVENT_CALLBACK_PATH }),
      callbackOnly: values.EVENT_CALLBACK_ONLY,
    },
  };
}
