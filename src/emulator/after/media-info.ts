/** Descriptions of stored videos and their events in the shape of API 3.0. */
import type { StoredFile } from '../state/stored-files.ts';
import type { Api3Event } from './feed.ts';

/** Urls of a stored video. */
export interface MediaUrls {
  readonly media: string;
  /** Empty: no cover. */
  readonly cover: string;
}

/** `MediaBasicInfo` */
export function basicInfo(file: StoredFile, urls: MediaUrls): Readonly<Record<string, unknown>> {
  const { media } = file;
  const time = isoSeconds(media?.createdAtMs ?? 0);
  return {
    Name: file.fileName,
    Description: '',
    CreateTime: time,
    UpdateTime: time,
    ExpireTime: media?.properties.expireTime || '9999-12-31T23:59:59Z',
    ClassId: file.classId ?? 0,
    ClassName: '其他',
    ClassPath: '其他',
    CoverUrl: urls.cover,
    Type: file.fileType,
    MediaUrl: urls.media,
    TagSet: file.tags,
    StorageRegion: media?.region ?? '',
    StoragePath: media === undefined ? '' : `/${media.key}`,
    SourceInfo: { SourceType: 'Upload', SourceContext: media?.properties.sourceContext ?? '' },
    Vid: file.fileId,
    Category: 'Video',
    Status: 'Normal',
    StorageClass: 'STANDARD',
  };
}

export function uploadEvent(file: StoredFile, urls: MediaUrls, procedureTaskId: string): Api3Event {
  return {
    EventType: 'NewFileUpload',
    FileUploadEvent: {
      FileId: file.fileId,
      MediaBasicInfo: basicInfo(file, urls),
      ProcedureTaskId: procedureTaskId,
      ReviewAudioVideoTaskId: '',
    },
  };
}

/** A run of a task flow. */
export interface ProcedureRun {
  readonly taskId: string;
  /** Of the task: 0 or an error. */
  readonly errCode: number;
  readonly message: string;
  readonly sessionContext: string;
  readonly sessionId: string;
}

export function procedureEvent(file: StoredFile, urls: MediaUrls, run: ProcedureRun): Api3Event {
  const { taskId, errCode, message, sessionContext, sessionId } = run;
  const output = { Url: urls.media, Size: file.fileSize, Definition: 0 };
  return {
    EventType: 'ProcedureStateChanged',
    ProcedureStateChangeEvent: {
      TaskId: taskId,
      Status: 'FINISH',
      ErrCode: errCode,
      Message: message,
      FileId: file.fileId,
      FileName: file.fileName,
      FileUrl: urls.media,
      MetaData: null,
      MediaProcessResultSet: [
        {
          Type: 'Transcode',
          TranscodeTask: {
            Status: errCode === 0 ? 'SUCCESS' : 'FAIL',
            ErrCode: errCode,
            ErrCodeExt: '',
            Message: message,
            Progress: 100,
            Output: errCode === 0 ? output : null,
          },
        },
      ],
      AiContentReviewResultSet: [],
      AiAnalysisResultSet: [],
      AiRecognitionResultSet: [],
      TasksPriority: 0,
      TasksNotifyMode: 'Finish',
      SessionContext: sessionContext,
      SessionId: sessionId,
    },
  };
}

/** The end of a transcoding that v2 started. */
export function transcodeEvent(
  file: StoredFile,
  urls: MediaUrls,
  { taskId, errCode, message }: Pick<ProcedureRun, 'taskId' | 'errCode' | 'message'>,
): Api3Event {
  return {
    EventType: 'TranscodeComplete',
    TranscodeCompleteEvent: {
      TaskId: taskId,
      ErrCode: errCode,
      Message: message,
      FileId: file.fileId,
      FileName: file.fileName,
      Duration: 0,
      CoverUrl: urls.cover,
      PlayInfoSet: errCode === 0 ? [{ Url: urls.media, Definition: 0 }] : [],
    },
  };
}

/** `2019-01-09T16:36:22Z` */
export function isoSeconds(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
