import { randomUUID } from 'node:crypto';
import { defined } from '../../base/defined.ts';
import { type CredentialsSource, readCredentials } from '../calls.ts';
import { parseEndpoint } from '../http/endpoint.ts';
import { createRequests, type Exchange, type RequestOptions } from '../requests.ts';
import { keyCheckParser } from '../wire/key-check.ts';
import { type Api3Action, CONFIRM_MAX, type PulledEvents } from '../wire/protocol.ts';
import { createRedactor } from '../wire/redact.ts';
import { ServiceClock } from '../wire/service-clock.ts';
import { VodError } from '../wire/vod-error.ts';
import {
  parseApplyReply,
  parseCommitReply,
  parseDescribeReply,
  parseProcessReply,
  parsePullEventsReply,
  parseSearchReply,
} from './parse.ts';
import { type Api3Reply, openApi3Reply } from './reply.ts';
import { tc3Authorization, tc3Signature } from './sign.ts';
import type {
  ApplyRequest,
  ApplyResult,
  CommitResult,
  FoundMedia,
  ProcessRequest,
  SearchRequest,
} from './types.ts';

export interface Api3ClientOptions extends RequestOptions {
  /** Default `https://vod.tencentcloudapi.com/`. */
  readonly endpoint?: string | URL;
  readonly credentials: CredentialsSource;
  /** Header X-TC-Region. Default: not sent. */
  readonly region?: string;
  /** The application that all calls are for. Default: none, the account's main application. */
  readonly subAppId?: number;
}

/**
 * The calls of API 3.0. Each sends at most one request and never repeats it. They reject with VodError (the service refused)
 * or VodTransportError (no answer; code ABORTED when `signal` aborted).
 */
export interface Api3Client {
  /** Begins a session: where the file goes, and with which credentials. Each call begins a new one. */
  applyUpload(request: ApplyRequest, signal?: AbortSignal): Promise<ApplyResult>;
  /** Makes a video of the session's object. Kind `session` if the session is unknown, expired or committed. */
  commitUpload(sessionKey: string, signal?: AbortSignal): Promise<CommitResult>;
  /** Unconfirmed events, at most CONFIRM_MAX; their content is as the service has it, without the handle. */
  pullEvents(signal?: AbortSignal): Promise<PulledEvents>;
  /** @param handles at most CONFIRM_MAX */
  confirmEvents(handles: readonly string[], signal?: AbortSignal): Promise<void>;
  /** Starts a task flow for a stored video; the event ProcedureStateChanged reports its end. */
  processMediaByProcedure(
    request: ProcessRequest,
    signal?: AbortSignal,
  ): Promise<{ readonly taskId: string }>;
  /** @returns undefined if there is no such video */
  describeMedia(fileId: string, signal?: AbortSignal): Promise<{ readonly url: string | null } | undefined>;
  /** The videos with exactly this SourceContext, newest first. See {@link SearchRequest} for what it can miss. */
  searchMedia(request: SearchRequest, signal?: AbortSignal): Promise<FoundMedia[]>;
  /**
   * Checks whether the service accepts the key, by a request that changes nothing: CommitUpload of an invented session.
   * @returns the code of the answer: 0, or a refusal of anything but the account, the signature, the clock or the quota
   */
  checkKey(signal?: AbortSignal): Promise<string>;
  /** The service's time in ms since 1970, whatever this machine's clock says; undefined until a reply has told it. */
  serviceTimeMs(): number | undefined;
  /** Closes idle sockets. Calls in flight continue; later calls open new sockets. */
  close(): void;
}

const VERSION = '2018-07-17';
const SERVICE = 'vod';
const CONTENT_TYPE = 'application/json';
const ENDPOINT = { name: 'API 3.0 endpoint', example: 'https://vod.tencentcloudapi.com/' };

/** How many of the newest videos SearchMedia looks at. */
const SEARCH_LIMIT = 1000;

const DAY_MS = 86_400_000;

interface Call<T> {
  readonly action: Api3Action;
  readonly params: Readonly<Record<string, unknown>>;
  /** Parameters that no error may show. */
  readonly secrets?: readonly string[];
  /** The action in observations; default `action`. */
  readonly observedAs?: 'check';
  readonly parse: (reply: Api3Reply) => T;
}

/** A client for one account. Throws UploaderError (INVALID_ENDPOINT). */
export function createApi3Client(options: Api3ClientOptions): Api3Client {
  const { credentials, region, subAppId, clock = Date.now } = options;
  const endpoint = parseEndpoint(options.endpoint ?? ENDPOINT.example, ENDPOINT);
  const requests = createRequests(options);
  const serviceClock = new ServiceClock(clock);

  async function exchange<T>({ action, params, secrets = [], parse }: Call<T>): Promise<Exchange<T>> {
    const { secretId, secretKey } = await readCredentials(credentials, action);
    const body = Buffer.from(JSON.stringify(defined({ ...params, SubAppId: subAppId })));
    const timestamp = Math.floor(serviceClock.now() / 1000);
    const toSign = {
      ...{ service: SERVICE, method: 'POST', path: endpoint.pathname, body, timestamp },
      headers: { 'content-type': CONTENT_TYPE, host: endpoint.host },
    };
    const signature = tc3Signature(toSign, secretKey);
    const redact = createRedactor([secretKey, secretId, signature, ...secrets]);
    return {
      request: {
        ...{ method: 'POST', url: endpoint, body, redact },
        headers: {
          'content-type': CONTENT_TYPE,
          authorization: tc3Authorization(toSign, secretId, signature),
          'x-tc-action': action,
          'x-tc-version': VERSION,
          'x-tc-timestamp': String(timestamp),
          ...defined({ 'x-tc-region': region }),
        },
      },
      parse: ({ text, dateMs }) => {
        try {
          return parse({ action, text, redact, aheadMs: serviceClock.aheadMs(dateMs) });
        } catch (error) {
          if (error instanceof VodError && error.kind === 'clock') serviceClock.correct(dateMs);
          throw error;
        }
      },
    };
  }

  function run<T>(call: Call<T>, signal: AbortSignal | undefined): Promise<T> {
    return requests.run(call.action, () => exchange(call), signal, call.observedAs);
  }

  return {
    applyUpload: (request, signal) =>
      run({ action: 'ApplyUpload', params: applyParams(request), parse: parseApplyReply }, signal),
    commitUpload: (sessionKey, signal) => run(commitCall(sessionKey, parseCommitReply), signal),
    pullEvents: (signal) => run({ action: 'PullEvents', params: {}, parse: parsePullEventsReply }, signal),
    confirmEvents: async (handles, signal) => {
      if (handles.length > CONFIRM_MAX) throw new RangeError(`more than ${CONFIRM_MAX} handles`);
      await run({ action: 'ConfirmEvents', params: { EventHandles: handles }, parse: openApi3Reply }, signal);
    },
    processMediaByProcedure: ({ fileId, procedure, sessionId, sessionContext }, signal) => {
      const params = {
        ...{ FileId: fileId, ProcedureName: procedure },
        ...{ SessionId: sessionId, SessionContext: sessionContext },
      };
      return run({ action: 'ProcessMediaByProcedure', params, parse: parseProcessReply }, signal);
    },
    describeMedia: (fileId, signal) => {
      const params = { FileIds: [fileId], Filters: ['basicInfo'] };
      return run(
        { action: 'DescribeMediaInfos', params, parse: (reply) => parseDescribeReply(reply, fileId) },
        signal,
      );
    },
    searchMedia: (request, signal) =>
      run(
        {
          action: 'SearchMedia',
          params: searchParams(request, serviceClock.now()),
          parse: (reply) => parseSearchReply(reply, request.sourceContext),
        },
        signal,
      ),
    checkKey: (signal) =>
      run({ ...commitCall(randomUUID(), parseKeyCheck), observedAs: 'check' as const }, signal),
    serviceTimeMs: () => serviceClock.serviceTimeMs,
    close: () => requests.close(),
  };
}

function commitCall<T>(sessionKey: string, parse: (reply: Api3Reply) => T): Call<T> {
  return { action: 'CommitUpload', params: { VodSessionKey: sessionKey }, secrets: [sessionKey], parse };
}

const parseKeyCheck = keyCheckParser<Api3Reply>(openApi3Reply, ({ kind }) => kind === 'quota');

function applyParams(request: ApplyRequest): Readonly<Record<string, unknown>> {
  return {
    MediaType: request.mediaType,
    MediaName: request.mediaName,
    CoverType: request.coverType,
    Procedure: request.procedure,
    ExpireTime: request.expireTime,
    StorageRegion: request.storageRegion,
    ClassId: request.classId,
    SourceContext: request.sourceContext,
    MediaStoragePath: request.mediaStoragePath,
  };
}

/** A range of times has two ends; no video is a day newer than the service's time. */
function searchParams(
  { mediaName, createdAfterMs }: SearchRequest,
  nowMs: number,
): Readonly<Record<string, unknown>> {
  return {
    Names: mediaName === undefined ? undefined : [mediaName],
    CreateTime:
      createdAfterMs === undefined
        ? undefined
        : { After: isoSeconds(createdAfterMs), Before: isoSeconds(nowMs + DAY_MS) },
    Sort: { Field: 'CreateTime', Order: 'Desc' },
    Filters: ['basicInfo'],
    Offset: 0,
    Limit: SEARCH_LIMIT,
  };
}

/** ISO 8601 without fractions of a second, as the service writes it. */
function isoSeconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
