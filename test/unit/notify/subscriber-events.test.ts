import { describe, expect, it } from 'vitest';
import {
  type EndRecord,
  endEventId,
  toEndEvent,
  toProgressEvent,
} from '../../../src/notify/subscriber-events.ts';

const CREATED_MS = 1_700_000_000_000;
const data = JSON.stringify({ source: '/videos/a.mp4', video: { name: 'a', type: 'mp4' }, key: 'k' });
const failed: EndRecord = {
  ...{ uploadId: 'u1', atMs: 5, event: 'failed', entryId: '5-0' },
  value: 'the file is gone',
};

describe('toEndEvent', () => {
  it('prefers the attempt of the record over that of the job, which may have been retried since', () => {
    const fields = [data, String(CREATED_MS), '3', null];
    expect(toEndEvent({ ...failed, attempt: 2 }, fields)).toMatchObject({
      ...{ type: 'upload.failed', id: endEventId('u1', CREATED_MS, 2), attempt: 2 },
      ...{ key: 'k', source: '/videos/a.mp4', state: 'failed' },
    });
    expect(toEndEvent(failed, [data, String(CREATED_MS), '3', '5'])).toMatchObject({ attempt: 3 });
  });

  it('makes an id of the stream entry when the job no longer exists', () => {
    const event = toEndEvent(failed, [null, null, null, null]);
    expect(event).toMatchObject({ id: 'u1-5-0', attempt: 1 });
    expect(event).not.toHaveProperty('key');
    expect(event).not.toHaveProperty('source');
  });

  it('ignores a completed job with an invalid result', () => {
    for (const value of ['', 'null', '{"fileId":1}']) {
      expect(toEndEvent({ ...failed, event: 'completed', value }, [data, '1', '1', '5'])).toBeUndefined();
    }
  });
});

it('endEventId differs for a new upload with the same id', () => {
  expect(endEventId('k1', CREATED_MS, 1)).not.toBe(endEventId('k1', CREATED_MS + 1, 1));
});

it('toProgressEvent ignores invalid progress and invalid job data', () => {
  const json = JSON.stringify({ stage: 'uploading', bytesHashed: 3, bytesSent: 1, totalBytes: 3 });
  const progress = { stage: 'uploading', bytesHashed: 3, bytesSent: 1, totalBytes: 3 };
  expect(toProgressEvent('u1', json, ['{'])).toStrictEqual({ uploadId: 'u1', progress });
  expect(toProgressEvent('u1', json, [data])).toMatchObject({ key: 'k', source: '/videos/a.mp4' });
  expect(toProgressEvent('u1', '{', [data])).toBeUndefined();
});
