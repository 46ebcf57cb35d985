/** Performs an admitted request of API 3.0: changes the state, builds the fields of the reply. */
import type { Events } from './after/events.ts';
import type { Feed } from './after/feed.ts';
import { basicInfo, type MediaUrls } from './after/media-info.ts';
import { BUCKET } from './bucket.ts';
import type { EmulatorOptions } from './options.ts';
import type { Api3Action } from './protocol/api3-actions.ts';
import { type Api3Params, textOf, textsOf } from './protocol/api3-parameters.ts';
import { Api3Refusal } from './protocol/api3-reply.ts';
import { searchMedia } from './search-media.ts';
import type { Objects } from './state/objects.ts';
import type { Store } from './state/store.ts';
import type { StoredFile } from './state/stored-files.ts';
import type { VodSession, VodSessions } from './state/vod-sessions.ts';

const DEFAULT_REGION = 'ap-guangzhou';

export interface Api3Context {
  readonly store: Store;
  readonly objects: Objects;
  readonly sessions: VodSessions;
  readonly events: Events;
  readonly feed: Feed;
  readonly urlsOf: (file: StoredFile) => MediaUrls;
  readonly settings: Api3Settings;
  /** In ms. */
  readonly clock: () => number;
}

export interface Api3Settings extends Pick<EmulatorOptions, 'pathMode' | 'callbackUrl'> {
  readonly secondCommit: 'same' | 'error';
  /** Of sessions of later ApplyUploads. */
  sessionLifeSeconds: number;
}

/** Fields of events that a pulled event always has, null if the event is another one. */
const NO_EVENTS = {
  FileUploadEvent: null,
  ProcedureStateChangeEvent: null,
  FileDeleteEvent: null,
  PullCompleteEvent: null,
  EditMediaCompleteEvent: null,
  TranscodeCompleteEvent: null,
  ConcatCompleteEvent: null,
  ClipCompleteEvent: null,
  SnapshotByTimeOffsetCompleteEvent: null,
};

/**
 * @param signal aborts when the reply is not needed any more
 * @throws {Api3Refusal}
 */
export async function performApi3(
  context: Api3Context,
  action: Api3Action,
  params: Api3Params,
  signal: AbortSignal,
): Promise<object> {
  switch (action) {
    case 'ApplyUpload':
      return applyUpload(context, params);
    case 'CommitUpload':
      return commitUpload(context, textOf(params, 'VodSessionKey'));
    case 'PullEvents':
      return await pullEvents(context, signal);
    case 'ConfirmEvents':
      context.feed.confirm(textsOf(params, 'EventHandles') ?? []);
      return {};
    case 'ProcessMediaByProcedure':
      return processMedia(context, params);
    case 'DescribeMediaInfos':
      return describeMedia(context, params);
    case 'SearchMedia':
      return search(context, params);
    case 'DescribeEventConfig':
      return {
        Mode: context.settings.callbackUrl === undefined ? 'PULL' : 'PUSH',
        NotificationUrl: context.settings.callbackUrl ?? '',
        UploadMediaCompleteEventSwitch: 'ON',
        DeleteMediaCompleteEventSwitch: 'OFF',
      };
  }
}

function applyUpload({ sessions, settings }: Api3Context, params: Api3Params): object {
  const mediaType = textOf(params, 'MediaType');
  const storagePath = textOf(params, 'MediaStoragePath');
  if (storagePath !== '' && !settings.pathMode) {
    throw new Api3Refusal('InvalidParameterValue', 'MediaStoragePath needs an application in path mode');
  }
  if (storagePath !== '' && !/^\/[^/].*[^/]$/.test(storagePath)) {
    throw new Api3Refusal(
      'InvalidParameterValue',
      'MediaStoragePath does not start with /, or names no file',
    );
  }
  const session = sessions.create({
    region: textOf(params, 'StorageRegion') || DEFAULT_REGION,
    lifeSeconds: settings.sessionLifeSeconds,
    coverType: textOf(params, 'CoverType'),
    mediaKey: storagePath === '' ? undefined : storagePath.slice(1),
    properties: {
      mediaName: textOf(params, 'MediaName'),
      mediaType,
      classId: Number(params.ClassId ?? 0),
      procedure: textOf(params, 'Procedure'),
      sourceContext: textOf(params, 'SourceContext'),
      sessionContext: textOf(params, 'SessionContext'),
      expireTime: textOf(params, 'ExpireTime'),
    },
  });
  const { secretId, secretKey, token, expiredTime } = session.credentials;
  return {
    StorageBucket: BUCKET,
    StorageRegion: session.region,
    VodSessionKey: session.key,
    MediaStoragePath: `/${session.mediaKey}`,
    CoverStoragePath: session.coverKey === undefined ? null : `/${session.coverKey}`,
    TempCertificate: {
      SecretId: secretId,
      SecretKey: secretKey,
      Token: token,
      ExpiredTime: expiredTime,
    },
  };
}

function commitUpload(context: Api3Context, key: string): object {
  const { sessions, store, settings } = context;
  const session = sessions.ofKey(key);
  const badKey = (reason: string) => new Api3Refusal('InvalidParameterValue.VodSessionKey', reason);
  if (session === undefined) throw badKey('VodSessionKey is unknown');
  const committed = store.files.ofSession(key);
  if (committed !== undefined) {
    if (settings.secondCommit === 'same') return committedFields(context, committed);
    throw badKey('VodSessionKey was committed before');
  }
  if (sessions.isExpired(session)) throw badKey('VodSessionKey has expired');
  const file = storeMedia(context, session);
  context.events.stored(file);
  return committedFields(context, file);
}

function storeMedia({ objects, store, clock }: Api3Context, session: VodSession): StoredFile {
  const object = objects.ofKey(session.mediaKey);
  if (object === undefined) {
    throw new Api3Refusal('ResourceNotFound', 'There is no object at MediaStoragePath');
  }
  const cover = session.coverKey === undefined ? undefined : objects.ofKey(session.coverKey);
  const media = {
    sessionKey: session.key,
    objectId: object.id,
    ...(cover !== undefined && { coverId: cover.id }),
    coverType: session.coverType,
    key: object.key,
    crc64: object.crc64,
    properties: session.properties,
    region: session.region,
    createdAtMs: clock(),
  };
  return store.files.addMedia(media, object.bytes);
}

function committedFields({ urlsOf }: Api3Context, file: StoredFile): object {
  const urls = urlsOf(file);
  return { FileId: file.fileId, MediaUrl: urls.media, CoverUrl: urls.cover };
}

async function pullEvents({ feed }: Api3Context, signal: AbortSignal): Promise<object> {
  const pulled = await feed.pull(signal);
  const events = pulled.map(({ handle, event }) => ({
    EventHandle: handle,
    ...NO_EVENTS,
    ...event.api3,
  }));
  return { EventSet: events.length === 0 ? null : events };
}

function processMedia({ store, events }: Api3Context, params: Api3Params): object {
  const path = textOf(params, 'MediaStoragePath');
  const fileId = textOf(params, 'FileId');
  const ofPath = () => store.files.all().findLast(({ media }) => `/${media?.key}` === path);
  const file = fileId === '' ? ofPath() : store.files.ofId(fileId);
  if (file === undefined) throw new Api3Refusal('InvalidParameterValue.FileId', 'There is no such video');
  const sessionContext = textOf(params, 'SessionContext');
  const sessionId = textOf(params, 'SessionId');
  if (events.isRepeated(sessionId)) {
    throw new Api3Refusal('InvalidParameterValue.SessionId', 'SessionId was used before');
  }
  return {
    TaskId: events.process(file, { sessionContext, sessionId }),
    ReviewAudioVideoTaskId: '',
  };
}

function describeMedia(context: Api3Context, params: Api3Params): object {
  const fileIds = textsOf(params, 'FileIds') ?? [];
  const found = fileIds.flatMap((fileId) => context.store.files.ofId(fileId) ?? []);
  return {
    MediaInfoSet: found.map((file) => mediaInfo(context, file)),
    NotExistFileIdSet: fileIds.filter((fileId) => context.store.files.ofId(fileId) === undefined),
  };
}

function search(context: Api3Context, params: Api3Params): object {
  const { files, total } = searchMedia(context.store.files.all(), params);
  return { TotalCount: total, MediaInfoSet: files.map((file) => mediaInfo(context, file)) };
}

function mediaInfo({ urlsOf }: Api3Context, file: StoredFile): object {
  return {
    FileId: file.fileId,
    BasicInfo: basicInfo(file, urlsOf(file)),
    MetaData: { Size: file.fileSize },
    TranscodeInfo: null,
  };
}
