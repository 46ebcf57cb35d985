import { describe, expect, it, onTestFinished } from 'vitest';
import { createApi3Media } from '../../../src/backend/api3-media.ts';
import type { MediaBackend, TranscodeRequest } from '../../../src/backend/media.ts';
import type { Emulator } from '../../../src/emulator/server.ts';
import { createApi3Client } from '../../../src/vod/api3/client.ts';
import { VodError } from '../../../src/vod/wire/vod-error.ts';
import { api3CallerOf, apply, cosCallerOf } from '../emulator/api3-support.ts';
import { SECRET_ID, SECRET_KEY, start } from '../emulator/support.ts';

const { signal } = new AbortController();

/** The time of the emulator. */
let nowMs = Date.now();

async function startMedia(): Promise<{ media: MediaBackend; emulator: Emulator }> {
  const emulator = await start({ transcodeMs: 0, clock: () => nowMs });
  const media = createApi3Media(
    createApi3Client({
      endpoint: emulator.api3Url,
      credentials: { secretId: SECRET_ID, secretKey: SECRET_KEY },
      clock: () => nowMs,
    }),
  );
  onTestFinished(() => media.close());
  return { media, emulator };
}

/** Uploads a video. @returns its fileId */
async function storeVideo(emulator: Emulator): Promise<string> {
  const call = api3CallerOf(emulator, () => nowMs);
  const applied = await apply(call);
  await cosCallerOf(emulator, applied, () => nowMs)('PUT', { body: Buffer.from('video') });
  return (await call('CommitUpload', { VodSessionKey: applied.VodSessionKey })).json.FileId;
}

function request(fileId: string, key = 'a'.repeat(50)): TranscodeRequest {
  return { fileId, key, procedure: 'flow', repeated: false };
}

describe('transcoding by API 3.0', () => {
  it('runs a task flow, whose event has the id and the key of the request', async () => {
    const { media, emulator } = await startMedia();
    const fileId = await storeVideo(emulator);
    const { key } = request(fileId);
    const started = await media.transcode(request(fileId), signal);
    expect(started).toEqual({ vodTaskId: expect.stringMatching(/^procedurev2-/), key });
    const { events } = await media.pullEvents(signal);
    expect(events.map(({ content }) => content)).toMatchObject([
      { EventType: 'NewFileUpload' },
      {
        EventType: 'ProcedureStateChanged',
        ProcedureStateChangeEvent: { FileId: fileId, TaskId: started.vodTaskId, SessionId: key },
      },
    ]);
  });

  it('is started once when it is repeated with the same key, as after a lost reply', async () => {
    const { media, emulator } = await startMedia();
    const fileId = await storeVideo(emulator);
    emulator.control.inject({
      action: 'ProcessMediaByProcedure',
      effect: { kind: 'reset', when: 'after' },
    });
    await expect(media.transcode(request(fileId), signal)).rejects.toMatchObject({ outcomeUnknown: true });
    const { key } = request(fileId);
    expect(await media.transcode({ ...request(fileId), repeated: true }, signal)).toEqual({ key });
    expect(emulator.control.stats().events.emitted.ProcedureStateChanged).toBe(1);
    expect(await media.transcode(request(fileId, 'another'), signal)).toMatchObject({ key: 'another' });
    nowMs += 3 * 86_400_000;
    await media.transcode(request(fileId), signal);
    expect(emulator.control.stats().events.emitted.ProcedureStateChanged).toBe(3);
  });

  it('is refused for an unknown video', async () => {
    const { media } = await startMedia();
    const refusal = await media.transcode(request('12345678901234567890'), signal).catch((error) => error);
    expect(refusal).toBeInstanceOf(VodError);
    expect(refusal).toMatchObject({ code: 'InvalidParameterValue.FileId', retryable: false });
    expect(media.isUnready(refusal)).toBe(false);
  });

  it('needs a procedure', async () => {
    const { media } = await startMedia();
    expect(media.transcodeProblem({ procedure: 'flow' })).toBeUndefined();
    expect(media.transcodeProblem({})).toMatch(/^transcoding needs procedure with API 3\.0/);
  });
});

describe('events of API 3.0', () => {
  it('are confirmed in groups of 16', async () => {
    const { media, emulator } = await startMedia();
    for (let n = 0; n < 33; n++) emulator.control.emit({ eventType: 'Any', data: { n } });
    const handles: string[] = [];
    while (handles.length < 33) {
      const { events } = await media.pullEvents(signal);
      handles.push(...events.flatMap(({ msgHandle }) => msgHandle ?? []));
    }
    const groups = [...media.confirmGroups(handles)];
    expect(groups.map((group) => group.length)).toEqual([16, 16, 1]);
    for (const group of groups) await media.confirmEvents(group, signal);
    expect(emulator.control.stats().events).toMatchObject({ confirmed: 33, pending: 0 });
    expect([...media.confirmGroups([])]).toEqual([]);
  });
});

it('the key is checked by a request that changes nothing', async () => {
  const { media, emulator } = await startMedia();
  expect(await media.checkKey(signal)).toBe('InvalidParameterValue.VodSessionKey');
  expect(emulator.control.stats().requests[media.checkAction as 'CommitUpload'].total).toBe(1);
});
