import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { EmulatorOptions } from '../../../src/emulator/server.ts';
import { type Api3Call, api3CallerOf, apply, cosCallerOf } from './api3-support.ts';
import { HeldTime } from './held-time.ts';
import { callerOf, start, temporaryDirectory, uploadAll, videoOf } from './support.ts';

async function startHeld(options: Partial<EmulatorOptions> = {}) {
  const time = new HeldTime();
  const emulator = await start({ transcodeMs: 0, ...time.options, ...options });
  const call = api3CallerOf(emulator, time.options.clock);
  const store = async (params: object = {}): Promise<string> => {
    const applied = await apply(call, params);
    await cosCallerOf(emulator, applied, time.options.clock)('PUT', { body: Buffer.from('video') });
    return (await call('CommitUpload', { VodSessionKey: applied.VodSessionKey })).json.FileId;
  };
  return { time, emulator, call, store };
}

// biome-ignore lint/suspicious/noExplicitAny: tests read single fields
const pull = async (call: Api3Call): Promise<any[]> => (await call('PullEvents')).json.EventSet;

describe('events of API 3.0', () => {
  it('are pulled until they are confirmed; without any, the answer is null after its time', async () => {
    const { time, call, store } = await startHeld();
    const FileId = await store();
    const [first] = await pull(call);
    time.pass(30_000);
    const [again] = await pull(call);
    expect(again).toMatchObject({ EventType: 'NewFileUpload', FileUploadEvent: { FileId } });
    expect(again.EventHandle).not.toBe(first.EventHandle);
    await call('ConfirmEvents', { EventHandles: [again.EventHandle] });
    const none = pull(call);
    await time.asleep(1);
    time.pass(5000);
    expect(await none).toBeNull();
  });

  it('tell of the task flow that the upload named, and of later ones', async () => {
    const { call, store, emulator } = await startHeld();
    const FileId = await store({ Procedure: 'flow', SessionContext: 'context' });
    const [upload, first] = await pull(call);
    const { ProcedureTaskId } = upload.FileUploadEvent;
    expect(first).toMatchObject({
      EventType: 'ProcedureStateChanged',
      FileUploadEvent: null,
      ProcedureStateChangeEvent: {
        TaskId: ProcedureTaskId,
        Status: 'FINISH',
        ErrCode: 0,
        Message: 'SUCCESS',
        FileId,
        FileName: 'clip',
        FileUrl: emulator.control.stats().files[0]?.url,
        SessionContext: 'context',
      },
    });
    emulator.control.inject({
      action: 'ProcedureStateChanged',
      effect: { kind: 'code', code: 4000, canRetry: 0, message: 'bad video' },
    });
    const params = { FileId, ProcedureName: 'flow', SessionId: 'id' };
    const { TaskId } = (await call('ProcessMediaByProcedure', params)).json;
    const [second] = await pull(call);
    expect(second.ProcedureStateChangeEvent).toMatchObject({
      TaskId,
      ErrCode: 4000,
      Message: 'bad video',
      SessionId: 'id',
      MediaProcessResultSet: [{ TranscodeTask: { Status: 'FAIL', Output: null } }],
    });
  });

  it('are in one feed with those of v2, each in the shape of who pulls', async () => {
    const { call, store, emulator } = await startHeld();
    const FileId = await store({ SourceContext: 'upload-1' });
    const pulled = await callerOf(emulator)('PullEvent');
    const [{ msgHandle, eventContent }] = pulled.json.eventList;
    expect(eventContent).toMatchObject({
      version: '4.0',
      eventType: 'NewFileUpload',
      data: { fileId: FileId, sourceContext: 'upload-1' },
    });
    await callerOf(emulator)('ConfirmEvent', { 'msgHandle.1': msgHandle });
    const { fileId } = (await uploadAll(callerOf(emulator), videoOf(10))).json;
    await callerOf(emulator)('ConvertVodFile', { fileId });
    expect(await pull(call)).toMatchObject([
      { EventType: 'NewFileUpload', FileUploadEvent: { FileId: fileId } },
      { EventType: 'TranscodeComplete', TranscodeCompleteEvent: { FileId: fileId, ErrCode: 0 } },
    ]);
  });

  it('that a version without API 3.0 stored are delivered, too', async () => {
    const dataDir = await temporaryDirectory();
    const content = { version: '4.0', eventType: 'Any', data: { fileId: '1' } };
    await writeFile(join(dataDir, 'events'), `${JSON.stringify({ event: { id: 1, atMs: 0, content } })}\n`);
    const { call } = await startHeld({ dataDir });
    expect(await pull(call)).toMatchObject([{ EventType: 'Any', fileId: '1' }]);
  });

  it('can be lost, and emitted by the control', async () => {
    const { call, store, emulator } = await startHeld();
    emulator.control.inject({ action: 'NewFileUpload', effect: { kind: 'lost' } });
    await store();
    emulator.control.emit({ eventType: 'FileDeleted', data: { FileDeleteEvent: { FileIdSet: ['1'] } } });
    expect(await pull(call)).toMatchObject([
      { EventType: 'FileDeleted', FileDeleteEvent: { FileIdSet: ['1'] } },
    ]);
    expect(emulator.control.stats().events.emitted).toEqual({ NewFileUpload: 1, FileDeleted: 1 });
  });

  it('are sent to the callback URL in the shape of the API that the video came by', async () => {
    // biome-ignore lint/suspicious/noExplicitAny: tests read single fields
    const received: any[] = [];
    const arrivals = Promise.withResolvers<void>();
    const server = http.createServer(async (request, response) => {
      received.push(JSON.parse(Buffer.concat(await request.toArray()).toString()));
      response.end();
      if (received.length === 2) arrivals.resolve();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close().closeAllConnections());
    const { port } = server.address() as AddressInfo;
    const { store, emulator } = await startHeld({ callbackUrl: `http://127.0.0.1:${port}/` });
    const FileId = await store();
    const { fileId } = (await uploadAll(callerOf(emulator), videoOf(10))).json;
    await arrivals.promise;
    expect(received).toEqual(
      expect.arrayContaining([
        {
          EventType: 'NewFileUpload',
          FileUploadEvent: expect.objectContaining({ FileId, ProcedureTaskId: '' }),
        },
        expect.objectContaining({ eventType: 'NewFileUpload', data: expect.objectContaining({ fileId }) }),
      ]),
    );
  });
});
