import { describe, expect, it } from 'vitest';
import type { ReceivedEvent } from '../../../src/events/vod-event-log.ts';
import { transcodeEnd } from '../../../src/flow/transcode-end.ts';
import { parseEvent } from '../../../src/vod/wire/events.ts';

function received(atMs: number, eventType: string, data: object): ReceivedEvent {
  const event = parseEvent({ eventType, data: { fileId: '9', ...data } });
  return { id: `e${atMs}`, at: new Date(atMs), via: 'pull', event };
}
const complete = (atMs: number, vodTaskId: string | undefined, status = 0, message?: string) =>
  received(atMs, 'TranscodeComplete', { status, vodTaskId, message });

describe('transcodeEnd', () => {
  it('matches the event with the id of the transcoding', () => {
    const started = [{ vodTaskId: 'mine', at: 100 }];
    expect(transcodeEnd([], started)).toBeUndefined();
    expect(
      transcodeEnd([received(200, 'NewFileUpload', {}), complete(200, 'other')], started),
    ).toBeUndefined();
    expect(transcodeEnd([complete(50, 'mine')], started)).toEqual({ status: 0, message: '' });
    expect(transcodeEnd([complete(200, 'mine', 7, 'no video')], started)).toEqual({
      status: 7,
      message: 'no video',
    });
  });

  it('matches the next event if either id is unknown', () => {
    expect(transcodeEnd([complete(99, 'any'), complete(100, 'any', 3)], [{ at: 100 }])?.status).toBe(3);
    const named = [{ vodTaskId: 'mine', at: 100 }];
    expect(transcodeEnd([complete(99, undefined)], named)).toBeUndefined();
    expect(transcodeEnd([complete(100, undefined)], named)?.status).toBe(0);
  });

  it('matches the task flow with the id of the transcoding, or else with the key of its request', () => {
    const flow = (atMs: number, TaskId: string, SessionId: string, ErrCode = 0): ReceivedEvent => {
      const data = { TaskId, Status: 'FINISH', ErrCode, Message: '', FileId: '9', SessionId };
      const event = parseEvent({ EventType: 'ProcedureStateChanged', ProcedureStateChangeEvent: data });
      return { id: `e${atMs}`, at: new Date(atMs), via: 'pull', event };
    };
    const started = [{ vodTaskId: 'mine', key: 'key', at: 100 }];
    expect(transcodeEnd([flow(200, 'of the upload', '')], started)).toBeUndefined();
    expect(transcodeEnd([flow(200, 'of the upload', ''), flow(201, 'mine', 'key', 7)], started)?.status).toBe(
      7,
    );
    // The reply was lost, and the flow had ended before the request was repeated.
    const repeated = [{ key: 'key', at: 300 }];
    expect(transcodeEnd([flow(400, 'another', 'its key'), flow(200, 'mine', 'key')], repeated)?.status).toBe(
      0,
    );
    expect(transcodeEnd([flow(400, 'another', 'its key')], repeated)).toBeUndefined();
    expect(transcodeEnd([flow(400, 'unknown', '')], repeated)?.status).toBe(0);
  });

  it('is that of the latest attempt, or a success of any attempt', () => {
    const started = [
      { vodTaskId: 'first', at: 100 },
      { vodTaskId: 'second', at: 300 },
    ];
    expect(transcodeEnd([complete(200, 'first', 7)], started)).toBeUndefined();
    expect(transcodeEnd([complete(200, 'first', 7), complete(400, 'second', 8)], started)?.status).toBe(8);
    expect(transcodeEnd([complete(500, 'first'), complete(400, 'second', 8)], started)?.status).toBe(0);
  });
});
