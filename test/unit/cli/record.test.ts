import { expect, test } from 'vitest';
import { describeStatus } from '../../../src/cli/describe-status.ts';
import { hasFailed, jsonLine, pendingRecord, recordOf, refusedRecord } from '../../../src/cli/record.ts';
import { Upload } from '../../../src/client/upload.ts';
import type { UploadReader } from '../../../src/client/upload-reader.ts';
import type { UploadStatus } from '../../../src/index.ts';

const fileSha = '0123456789abcdef0123456789abcdef01234567';
const status: UploadStatus = {
  id: 'u1',
  state: 'completed',
  source: '/videos/a.mp4',
  name: 'a',
  type: 'mp4',
  createdAt: new Date(0),
  finishedAt: new Date(1000),
  attempt: 1,
  progress: { stage: 'completed', bytesHashed: 10, bytesSent: 10, totalBytes: 10 },
  result: {
    outcome: 'instant',
    fileId: '5285890784273533167',
    url: 'http://x/f0.mp4',
    fileSha,
    fileSize: 10,
    name: 'a',
    type: 'mp4',
    partsSent: 0,
    partsSkipped: 1,
    metadataApplied: false,
    bytesSent: 0,
    durationMs: 12,
  },
};
const failure = { code: '-10001', message: 'invalid arg', retryable: false };

test('a finished upload', () => {
  expect(JSON.parse(jsonLine(recordOf(status, { created: true, differs: [] })))).toEqual({
    id: 'u1',
    created: true,
    outcome: 'instant',
    source: '/videos/a.mp4',
    name: 'a',
    type: 'mp4',
    attempt: 1,
    createdAt: '1970-01-01T00:00:00.000Z',
    finishedAt: '1970-01-01T00:00:01.000Z',
    fileId: '5285890784273533167',
    url: 'http://x/f0.mp4',
    fileSha,
    fileSize: 10,
    partsSent: 0,
    partsSkipped: 1,
    metadataApplied: false,
    bytesSent: 0,
    durationMs: 12,
  });
});

test('escapes control characters without changing the parsed names', () => {
  const name = 'holiday\u202egpj.exe\u001b[2J\u009b2J\u2028';
  const hostile = { ...status, id: name, name, source: `/videos/${name}`, type: name, key: name };
  const line = jsonLine(recordOf(hostile));
  const described = describeStatus(hostile);
  for (const text of [line, described]) expect(text).not.toMatch(/[^\n\P{Cc}]|\p{Bidi_Control}|\u2028/u);
  expect(JSON.parse(line)).toMatchObject({ source: `/videos/${name}`, key: name });
  expect(described).toContain('holiday?gpj.exe?[2J?2J?');
});

test('a running upload has its state as outcome, and its progress', () => {
  const { result: _, finishedAt: __, ...running } = status;
  const progress = { stage: 'uploading', bytesHashed: 10, bytesSent: 4, totalBytes: 10 } as const;
  expect(recordOf({ ...running, state: 'uploading', progress })).toMatchObject({
    outcome: 'uploading',
    progress: { bytesHashed: 10, bytesSent: 4, totalBytes: 10 },
    fileSize: 10,
    fileId: null,
    bytesSent: null,
  });
});

test('a failed upload has its error', () => {
  const { result: _, ...failed } = status;
  const record = recordOf({ ...failed, state: 'failed', error: failure });
  expect(record).toMatchObject({ outcome: 'failed', fileId: null, error: failure });
  expect(hasFailed(record)).toBe(true);
});

test('an upload that was just enqueued', () => {
  const upload = new Upload({} as UploadReader, { id: 'u2', created: true, differs: [] });
  const data = {
    schema: 1,
    source: '/videos/b.mp4',
    video: { name: 'b', type: 'mp4', partSize: 1_048_576 },
    priority: 5,
    nonce: 'n',
  } as const;
  const record = pendingRecord(upload, data);
  expect(record).toMatchObject({ id: 'u2', created: true, outcome: 'queued', name: 'b', fileId: null });
  expect(hasFailed(record)).toBe(false);
  const progress = { stage: 'uploading', bytesHashed: 30, bytesSent: 10, totalBytes: 30 } as const;
  expect(pendingRecord(upload, data, progress)).toMatchObject({
    ...{ id: 'u2', outcome: 'uploading', fileSize: 30, bytesSent: null },
    progress: { bytesHashed: 30, bytesSent: 10, totalBytes: 30 },
  });
});

test('a file that was not enqueued has every field too', () => {
  const record = refusedRecord('/videos/c.mp4', failure);
  expect(record).toMatchObject({ id: null, outcome: null, source: '/videos/c.mp4', error: failure });
  const fields = [
    'fileId',
    'url',
    'fileSha',
    'fileSize',
    'partsSent',
    'partsSkipped',
    'bytesSent',
    'durationMs',
  ];
  for (const field of fields) expect(record).toHaveProperty(field, null);
  expect(hasFailed(record)).toBe(true);
});

test('a record is one line, even with a line break in a name', () => {
  const line = jsonLine(refusedRecord('/videos/a\nb.mp4', failure));
  expect(line.indexOf('\n')).toBe(line.length - 1);
});
