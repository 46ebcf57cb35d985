import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../../src/demo/free-port.ts';
import type { Emulator } from '../../../src/emulator/server.ts';
import { api3CallerOf, apply, cosCallerOf, element } from './api3-support.ts';
import {
  callerOf,
  initParams,
  SECRET_ID,
  SECRET_KEY,
  sendPart,
  start,
  temporaryDirectory,
  uploadAll,
  videoOf,
} from './support.ts';

const KIB_512 = 524288;

/** An emulator in a child process, to be killed. */
async function startProcess(dataDir: string) {
  const server = path.resolve('src/emulator/server.ts');
  const options = JSON.stringify({ dataDir, secretId: SECRET_ID, secretKey: SECRET_KEY });
  const script = `import { startEmulator } from ${JSON.stringify(server)};
    const { url } = await startEmulator(${options}); process.stdout.write(url + '\\n');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [url] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { emulator: { url } as Emulator, child };
}

describe('restart', () => {
  it('keeps uploads in progress and finished videos', async () => {
    const dataDir = await temporaryDirectory();
    const first = await start({ dataDir });
    const done = videoOf(10);
    const partial = videoOf(2 * KIB_512 + 1);
    const { fileId } = (await uploadAll(callerOf(first), done)).json;
    await callerOf(first)('InitUpload', { ...initParams(partial), fileName: 'partial' });
    await sendPart(callerOf(first), partial, KIB_512);
    await first.close();

    const second = await start({ dataDir });
    const call = callerOf(second);
    expect((await call('InitUpload', initParams(done))).json).toMatchObject({ code: 2, fileId });
    expect((await call('FinishUpload', { fileSha: done.fileSha })).json).toMatchObject({ code: 0, fileId });
    await sendPart(call, partial, 0);
    await sendPart(call, partial, 2 * KIB_512);
    const finish = (await call('FinishUpload', { fileSha: partial.fileSha })).json;
    expect(finish.code).toBe(0);
    const stored = await fs.readFile(path.join(dataDir, 'files', finish.fileId));
    expect(stored.equals(partial.bytes)).toBe(true);
    expect(second.control.stats().files.map(({ name }) => name)).toContain('partial');
  });

  it('keeps the last part size, and drops an incomplete journal line', async () => {
    const dataDir = await temporaryDirectory();
    const first = await start({ dataDir });
    const video = videoOf(2 * KIB_512 + 1);
    const wide = { ...video, dataSize: 2 * KIB_512 };
    await callerOf(first)('InitUpload', initParams(video));
    await callerOf(first)('InitUpload', initParams(wide));
    await sendPart(callerOf(first), wide, 0);
    await first.close();
    const journal = path.join(dataDir, 'sessions', video.fileSha, 'journal');
    await fs.appendFile(journal, '{"part":{"offset":1048576,"dataS');

    const second = await start({ dataDir });
    const { json } = await callerOf(second)('InitUpload', initParams(video));
    expect(json).toMatchObject({ code: 1, dataSize: 2 * KIB_512, listParts: [{ offset: 0 }] });
    expect(json.listParts).toHaveLength(1);
    await sendPart(callerOf(second), wide, 2 * KIB_512);
    await second.close();
    const third = await start({ dataDir });
    const finish = await callerOf(third)('FinishUpload', { fileSha: video.fileSha });
    expect(finish.json.code).toBe(0);
  });

  it('cleans up what a crash left between two steps', async () => {
    const dataDir = await temporaryDirectory();
    const first = await start({ dataDir });
    const video = videoOf(10);
    await uploadAll(callerOf(first), video);
    await first.close();
    const sessions = path.join(dataDir, 'sessions');
    const orphan = path.join(dataDir, 'files', '1234567890123456789.json');
    await fs.writeFile(orphan, JSON.stringify({ fileId: '1234567890123456789', fileSha: 'f'.repeat(40) }));
    await fs.writeFile(path.join(dataDir, 'files', '1.tmp'), '{');
    await fs.mkdir(path.join(sessions, video.fileSha));
    await fs.mkdir(path.join(sessions, 'discarded-x'));
    await fs.mkdir(path.join(sessions, 'a'.repeat(40)));
    const second = await start({ dataDir });
    expect(second.control.stats().files).toHaveLength(1);
    expect(await fs.readdir(sessions)).toEqual([]);
    expect(await fs.readdir(path.join(dataDir, 'files'))).toHaveLength(2);
  });

  it('loses no acknowledged part to SIGKILL', async () => {
    const dataDir = await temporaryDirectory();
    const video = videoOf(8 * KIB_512);
    const first = await startProcess(dataDir);
    const call = callerOf(first.emulator);
    await call('InitUpload', initParams(video));
    const acknowledged: number[] = [];
    const sent = video.offsets.map(async (offset) => {
      const { json } = await sendPart(call, video, offset);
      if (json.code === 0) acknowledged.push(offset);
      if (acknowledged.length === 3) first.child.kill('SIGKILL');
    });
    await Promise.all([once(first.child, 'exit'), Promise.allSettled(sent)]);
    expect(acknowledged.length).toBeGreaterThanOrEqual(3);

    const second = callerOf(await start({ dataDir }));
    const { json } = await second('InitUpload', initParams(video));
    const listed = (json.listParts as { offset: number }[]).map(({ offset }) => offset);
    expect(listed).toEqual(expect.arrayContaining(acknowledged));
    for (const offset of video.offsets) if (!listed.includes(offset)) await sendPart(second, video, offset);
    expect((await second('FinishUpload', { fileSha: video.fileSha })).json.code).toBe(0);
  });
});

describe('restart with object storage', () => {
  it('loses no acknowledged part and no video to SIGKILL', async () => {
    const dataDir = await temporaryDirectory();
    const first = await startProcess(dataDir);
    const api3Url = new URL('/', first.emulator.url).href;
    const call = api3CallerOf({ api3Url });
    const stored = await apply(call);
    await cosCallerOf({ api3Url }, stored)('PUT', { body: Buffer.from('video') });
    const { FileId } = (await call('CommitUpload', { VodSessionKey: stored.VodSessionKey })).json;
    const applied = await apply(call);
    const cos = cosCallerOf({ api3Url }, applied);
    const uploadId = element((await cos('POST', { query: { uploads: '' } })).text, 'UploadId');
    const body = Buffer.alloc(KIB_512);
    const acknowledged: number[] = [];
    const sent = Array.from({ length: 8 }, async (_, index) => {
      const partNumber = index + 1;
      const { status } = await cos('PUT', { query: { uploadId, partNumber }, body });
      if (status === 200) acknowledged.push(partNumber);
      if (acknowledged.length === 3) first.child.kill('SIGKILL');
    });
    await Promise.all([once(first.child, 'exit'), Promise.allSettled(sent)]);
    expect(acknowledged.length).toBeGreaterThanOrEqual(3);

    const second = await start({ dataDir });
    const { text } = await cosCallerOf(second, applied)('GET', { query: { uploadId } });
    const listed = [...text.matchAll(/<PartNumber>(\d+)</g)].map(([, number]) => Number(number));
    expect(listed).toEqual(expect.arrayContaining(acknowledged));
    expect(second.control.stats().files).toMatchObject([{ fileId: FileId }]);
  });
});

describe('start', () => {
  it('names host and port when the port is in use, and leaves nothing listening', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void taken.close());
    await once(taken, 'listening');
    const { port } = taken.address() as net.AddressInfo;
    const refusal = { name: 'UploaderError', code: 'EMULATOR_LISTEN' };
    const message = `emulator can't listen on 127.0.0.1:${port}: the port is in use`;
    await expect(start({ port })).rejects.toMatchObject({ ...refusal, message });

    const free = await freePort();
    await expect(start({ port: free, controlPort: port })).rejects.toMatchObject({ ...refusal, message });
    const again = await start({ port: free });
    expect(new URL(again.url).port).toBe(String(free));
  });

  it('names a data directory that it cannot use', async () => {
    const dataDir = path.join(await temporaryDirectory(), 'file');
    await fs.writeFile(dataDir, '');
    await expect(start({ dataDir })).rejects.toMatchObject({
      code: 'EMULATOR_DATA',
      message: expect.stringContaining(dataDir),
    });
  });
});
