import { describe, expect, it } from 'vitest';
import type { ReceivedEvent } from '../../../src/events/vod-event-log.ts';
import { transcodeEnd } from '../../../src/flow/transcode.ts';
import { parseEvent } from '../../../src/vod/wire/events.ts';

/** What VOD told at a time. */
function told(atMs: number, eventType: string, data: object): ReceivedEvent {
  const event = parseEvent({ eventType, data: { fileId: '9', ...data } });
  return { id: `e${atMs}`, at: new Date(atMs), via: 'pull', event };
}
const complete = (atMs: number, vodTaskId: string | undefined, status = 0, message?: string) =>
  told(atMs, 'TranscodeComplete', { status, vodTaskId, message });

describe('transcodeEnd', () => {
  it('is that of the transcoding which has its id', () => {
    const begun = [{ vodTaskId: 'mine', at: 100 }];
    expect(transcodeEnd([], begun)).toBeUndefined();
    expect(transcodeEnd([told(200, 'NewFileUpload', {}), complete(200, 'other')], begun)).toBeUndefined();
    expect(transcodeEnd([complete(50, 'mine')], begun)).toEqual({ status: 0, message: '' });
    expect(transcodeEnd([complete(200, 'mine', 7, 'no video')], begun)).toEqual({
      status: 7,
      message: 'no video',
    });
  });

  it('is the next one where either id is not known', () => {
    expect(transcodeEnd([complete(99, 'any'), complete(100, 'any', 3)], [{ at: 100 }])?.status).toBe(3);
    const named = [{ vodTaskId: 'mine', at: 100 }];
    expect(transcodeEnd([complete(99, undefined)], named)).toBeUndefined();
    expect(transcodeEnd([complete(100, undefined)], named)?.status).toBe(0);
  });

  it('is that of the latest attempt, or of any that ended well', () => {
    const begun = [
      { vodTaskId: 'first', at: 100 },
      { vodTaskId: 'second', at: 300 },
    ];
    expect(transcodeEnd([complete(200, 'first', 7)], begun)).toBeUndefined();
    expect(transcodeEnd([complete(200, 'first', 7), complete(400, 'second', 8)], begun)?.status).toBe(8);
    expect(transcodeEnd([complete(500, 'first'), complete(400, 'second', 8)], begun)?.status).toBe(0);
  });
});
