import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  eventId,
  eventTypeOf,
  fileIdsOf,
  parseEvent,
  transcodingEnd,
} from '../../../../src/vod/wire/events.ts';

/** The documents' example of a pulled event, without some of the metadata and URLs. */
const PULLED_PROCEDURE = {
  EventType: 'ProcedureStateChanged',
  FileUploadEvent: null,
  ProcedureStateChangeEvent: {
    TaskId: '1256768367-Procedure-475b7237438a39560b9879a4556cb177t2',
    Status: 'FINISH',
    ErrCode: 0,
    Message: '',
    FileId: '5285890784246869930',
    FileName: 'small',
    FileUrl: 'https://123.vod2.myqcloud.com/d04/1546950643_4191274987.mp4',
    MetaData: { AudioDuration: 59.990001678467, Container: 'mov,mp4,m4a,3gp,3g2,mj2', Duration: 60 },
    MediaProcessResultSet: [
      {
        Type: 'Transcode',
        TranscodeTask: {
          Status: 'SUCCESS',
          ErrCode: 0,
          Message: 'SUCCESS',
          Input: { Definition: 20, WatermarkSet: null },
          Output: { Url: 'http://123.vod2.myqcloud.com/d04/v.f20.mp4', Size: 4189073, Definition: 0 },
        },
        AnimatedGraphicTask: null,
        SnapshotByTimeOffsetTask: null,
        SampleSnapshotTask: null,
        ImageSpriteTask: null,
        CoverBySnapshotTask: null,
      },
      {
        Type: 'CoverBySnapshot',
        TranscodeTask: null,
        AnimatedGraphicTask: null,
        SnapshotByTimeOffsetTask: null,
        SampleSnapshotTask: null,
        ImageSpriteTask: null,
        CoverBySnapshotTask: {
          Status: 'SUCCESS',
          ErrCode: 0,
          Message: 'SUCCESS',
          Input: { Definition: 10, PositionType: 'Time', PositionValue: 0, WatermarkSet: null },
          Output: { CoverUrl: 'http://123.vod2.myqcloud.com/d04/1546950643_4191274987.100_0.jpg' },
        },
      },
    ],
    AiContentReviewResultSet: null,
    AiRecognitionResultSet: null,
  },
  FileDeleteEvent: null,
  PullCompleteEvent: null,
  EditMediaComplete: null,
  WechatPublishComplete: null,
  TranscodeCompleteEvent: null,
  ConcatCompleteEvent: null,
  ClipCompleteEvent: null,
  CreateImageSpriteCompleteEvent: null,
  SnapshotByTimeOffsetCompleteEvent: null,
};

/** The documents' example of an upload's event by HTTP. */
const UPLOADED = {
  EventType: 'NewFileUpload',
  FileUploadEvent: {
    FileId: '5285890784273533167',
    MediaBasicInfo: {
      Name: '动物世界',
      Description: '',
      CreateTime: '2019-01-09T16:36:22Z',
      UpdateTime: '2019-01-09T16:36:24Z',
      ExpireTime: '9999-12-31T23:59:59Z',
      ClassId: 0,
      ClassName: '其他',
      ClassPath: '其他',
      CoverUrl: '',
      Type: 'mp4',
      MediaUrl: 'http://125676836723.vod2.myqcloud.com/xxx/xxx/q1BORBPQH1IA.mp4',
      TagSet: [],
      StorageRegion: 'ap-chongqing',
      SourceInfo: { SourceType: 'Upload', SourceContext: '' },
      Vid: '5285890784273533167',
    },
    ProcedureTaskId: '',
    ReviewAudioVideoTaskId: '',
  },
};

/** The documents' example of a deletion. */
const DELETED = {
  EventType: 'FileDeleted',
  FileDeleteEvent: {
    FileIdSet: ['24961954183381008'],
    FileDeleteResultInfo: [
      { FileId: '24961954183381008', DeleteParts: [{ Type: 'TranscodeFiles', Definition: 0 }] },
    ],
  },
};

/** ProcedureStateChanged with these fields and tasks. */
function procedure(fields: object, ...tasks: object[]) {
  const common = { TaskId: 'task', Status: 'FINISH', ErrCode: 0, Message: '', FileId: '1' };
  const event = { ...common, ...fields, MediaProcessResultSet: tasks };
  return parseEvent({ EventType: 'ProcedureStateChanged', ProcedureStateChangeEvent: event });
}

/** A task of a flow. */
function task(fields: object, type = 'Transcode') {
  return { Type: type, [`${type}Task`]: { Status: 'SUCCESS', ErrCode: 0, Message: 'SUCCESS', ...fields } };
}

/** By HTTP, fields that are null are left out. */
const byHttp = (content: unknown) =>
  JSON.parse(JSON.stringify(content, (_, value) => (value === null ? undefined : value)));

describe('parseEvent', () => {
  test('the upload of a video has the fields of v2, and keeps those of VOD', () => {
    const { FileUploadEvent } = UPLOADED;
    expect(parseEvent(UPLOADED)).toEqual({
      type: 'NewFileUpload',
      eventType: 'NewFileUpload',
      data: {
        ...FileUploadEvent,
        fileId: '5285890784273533167',
        fileName: '动物世界',
        fileUrl: 'http://125676836723.vod2.myqcloud.com/xxx/xxx/q1BORBPQH1IA.mp4',
        coverUrl: '',
        sourceType: 'Upload',
        sourceContext: '',
        procedureTaskId: '',
      },
    });
  });

  test('a task flow has its tasks', () => {
    const event = parseEvent(PULLED_PROCEDURE);
    expect(event).toMatchObject({
      type: 'ProcedureStateChanged',
      data: {
        fileId: '5285890784246869930',
        taskId: '1256768367-Procedure-475b7237438a39560b9879a4556cb177t2',
        status: 'FINISH',
        errCode: 0,
        message: '',
        fileName: 'small',
        tasks: [
          { type: 'Transcode', status: 'SUCCESS', errCode: 0, url: expect.stringMatching(/v\.f20\.mp4$/) },
          { type: 'CoverBySnapshot', status: 'SUCCESS', message: 'SUCCESS' },
        ],
        MediaProcessResultSet: PULLED_PROCEDURE.ProcedureStateChangeEvent.MediaProcessResultSet,
      },
    });
  });

  test('deletions, and the end of a transcoding that v2 started, are typed', () => {
    expect(parseEvent(DELETED)).toMatchObject({
      type: 'FileDeleted',
      data: { fileInfo: [{ fileId: '24961954183381008' }] },
    });
    const transcoded = {
      EventType: 'TranscodeComplete',
      TranscodeCompleteEvent: {
        TaskId: 'transcode-1',
        ErrCode: 0,
        Message: '',
        FileId: '14508071098244931831',
        Duration: 599,
        PlayInfoSet: [{ Url: 'http://v/f10.mp4', Definition: 10, Bitrate: 149193, Height: 240, Width: 320 }],
      },
    };
    expect(parseEvent(transcoded)).toMatchObject({
      type: 'TranscodeComplete',
      data: {
        fileId: '14508071098244931831',
        status: 0,
        vodTaskId: 'transcode-1',
        duration: 599,
        playSet: [{ url: 'http://v/f10.mp4', definition: 10, vbitrate: 149193, vheight: 240, vwidth: 320 }],
      },
    });
  });

  test('an event of another form is other, with the fields of VOD', () => {
    expect(
      parseEvent({ EventType: 'RestoreMediaComplete', RestoreMediaCompleteEvent: { FileId: '7' } }),
    ).toEqual({
      type: 'other',
      eventType: 'RestoreMediaComplete',
      data: { FileId: '7' },
    });
    const odd = { TaskId: 5, Status: null };
    expect(parseEvent({ EventType: 'ProcedureStateChanged', ProcedureStateChangeEvent: odd })).toMatchObject({
      type: 'other',
      data: odd,
    });
    expect(parseEvent({ EventType: 'constructor', n: 1 })).toEqual({
      type: 'other',
      eventType: 'constructor',
      data: { n: 1 },
    });
    // That of v2 has no `taskId`.
    const v2 = { vodTaskId: 'p', status: 'FINISH', errCode: 0, fileId: '1' };
    expect(parseEvent({ version: '4.0', eventType: 'ProcedureStateChanged', data: v2 })).toEqual({
      type: 'other',
      eventType: 'ProcedureStateChanged',
      data: v2,
    });
  });

  test.each([[{ EventType: 7 }], [{ EventType: 'a b' }], [{ EventType: null, eventType: null }]])(
    '%j is not an event',
    (content) => {
      expect(() => parseEvent(content)).toThrow('not an event of VOD');
      expect(eventTypeOf(content)).toBeUndefined();
    },
  );

  test('any JSON is an event or an error', () => {
    const types = ['NewFileUpload', 'ProcedureStateChanged', 'TranscodeComplete', 'FileDeleted', 'Else'];
    const fields = [
      'FileUploadEvent',
      'ProcedureStateChangeEvent',
      'TranscodeCompleteEvent',
      'FileDeleteEvent',
    ];
    const data = fc.dictionary(
      fc.constantFrom('FileId', 'TaskId', 'Status', 'MediaProcessResultSet', 'MediaBasicInfo', 'Input', 'x'),
      fc.oneof(fc.jsonValue(), fc.constant('17'), fc.constant([{ Type: 'Transcode', TranscodeTask: {} }])),
    );
    fc.assert(
      fc.property(fc.constantFrom(...types), fc.constantFrom(...fields), data, (EventType, field, value) => {
        const content = { EventType, [field]: value };
        const event = parseEvent(content);
        expect(event.eventType).toBe(EventType);
        expect(eventTypeOf(content)).toBe(EventType);
        for (const id of fileIdsOf(event)) expect(id).toMatch(/^\d{1,32}$/);
        transcodingEnd(event);
      }),
    );
  });
});

describe('fileIdsOf', () => {
  test.each([
    ['NewFileUpload', UPLOADED, ['5285890784273533167']],
    ['FileDeleted', DELETED, ['24961954183381008']],
    ['ProcedureStateChanged', PULLED_PROCEDURE, ['5285890784246869930']],
    ['ClipComplete', { ClipCompleteEvent: { SrcFileId: '7', FileInfo: { FileId: '8' } } }, ['7']],
    [
      'RemoveWatermark',
      { RemoveWatermarkCompleteEvent: { Input: { FileId: '1' }, Output: { FileId: '2' } } },
      ['1'],
    ],
    [
      'EditMediaComplete',
      {
        EditMediaCompleteEvent: {
          Input: { FileInfoSet: [{ FileId: '' }, { FileId: '3' }] },
          Output: { FileId: '4' },
        },
      },
      ['3'],
    ],
    [
      'SplitMediaComplete',
      { SplitMediaCompleteEvent: { FileInfoSet: [{ Input: { FileId: '5' } }, { Input: { FileId: '5' } }] } },
      ['5'],
    ],
    [
      'ExtractBlindWatermarkComplete',
      { ExtractBlindWatermarkComplete: { InputInfo: { FileId: '6' } } },
      ['6'],
    ],
    ['ComposeMediaComplete', { ComposeMediaCompleteEvent: { Output: { FileId: '9' } } }, []],
  ])('of %s', (EventType, fields, expected) => {
    expect(fileIdsOf(parseEvent({ EventType, ...fields }))).toEqual(expected);
  });
});

describe('transcodingEnd', () => {
  test('is a success if neither the flow nor a task failed', () => {
    expect(transcodingEnd(parseEvent(PULLED_PROCEDURE))).toEqual({
      vodTaskId: '1256768367-Procedure-475b7237438a39560b9879a4556cb177t2',
      key: undefined,
      status: 0,
      message: '',
    });
    expect(transcodingEnd(procedure({ SessionId: 'key' }, task({})))).toMatchObject({
      status: 0,
      key: 'key',
    });
    // A flow without tasks, and one whose event has less than documented.
    expect(transcodingEnd(procedure({ ErrCode: null, SessionId: '' }))).toMatchObject({
      status: 0,
      key: undefined,
    });
  });

  test.each([
    [{ ErrCode: 70000, Message: 'no video in it' }, [], 70000, 'no video in it'],
    [
      {},
      [task({}), task({ Status: 'FAIL', ErrCode: 40000, Message: 'invalid input' })],
      40000,
      'Transcode: invalid input',
    ],
    [
      {},
      [
        task(
          { Status: 'FAIL', Message: 'no', ErrCodeExt: 'InputFileError.NoVideoStream' },
          'CoverBySnapshot',
        ),
      ],
      -1,
      'CoverBySnapshot: no (InputFileError.NoVideoStream)',
    ],
    [{ ErrCode: 5 }, [task({ ErrCode: 6, Message: 'task' })], 5, 'Transcode: task'],
  ])('is a failure if %j, tasks %j', (fields, tasks, status, message) => {
    expect(transcodingEnd(procedure(fields, ...tasks))).toMatchObject({ status, message });
  });

  test('is not an event of a flow that runs, or of anything else', () => {
    const failed = task({ Status: 'FAIL', ErrCode: 1 });
    expect(transcodingEnd(procedure({ Status: 'PROCESSING' }, failed))).toBeUndefined();
    expect(transcodingEnd(parseEvent(UPLOADED))).toBeUndefined();
  });
});

test('a pulled event and its copy by HTTP have the same id', () => {
  expect(eventId(byHttp(PULLED_PROCEDURE))).toBe(eventId(PULLED_PROCEDURE));
  expect(eventId(UPLOADED)).not.toBe(eventId(PULLED_PROCEDURE));
  // For v2 a null counts.
  const v2 = (data: object) => ({ eventType: 'Any', data });
  expect(eventId(v2({ a: null }))).not.toBe(eventId(v2({})));
});
