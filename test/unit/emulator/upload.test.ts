import fs from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { callerOf, initParams, md5, send, sendPart, start, uploadAll, videoOf } from './support.ts';

const KIB_512 = 524288;
const MIB = 1048576;

describe('InitUpload', () => {
  it('starts with code 0, and again before the first part', async () => {
    const call = callerOf(await start());
    const video = videoOf(10);
    const first = await call('InitUpload', initParams(video));
    expect(first.type).toMatch('application/json');
    expect(first.json).toEqual({ code: 0, message: '', codeDesc: '', canRetry: 0 });
    expect((await call('InitUpload', initParams(video))).json.code).toBe(0);
  });

  it('keeps the part size after the first part, and lists the parts', async () => {
    const call = callerOf(await start());
    const video = videoOf(3 * KIB_512 + 7);
    await call('InitUpload', initParams(video));
    await sendPart(call, video, 3 * KIB_512);
    await sendPart(call, video, KIB_512);
    const { json } = await call('InitUpload', { ...initParams(video), dataSize: MIB });
    const entry = (offset: number, dataSize: number) => ({
      offset,
      dataSize,
      dataMd5: md5(video.bytes.subarray(offset, offset + dataSize)),
    });
    expect(json).toMatchObject({ code: 1, dataSize: KIB_512 });
    expect(json.listParts).toEqual([entry(KIB_512, KIB_512), entry(3 * KIB_512, 7)]);
  });

  it('accepts another part size before the first part', async () => {
    const call = callerOf(await start());
    const video = videoOf(MIB + 1);
    await call('InitUpload', initParams(video));
    await call('InitUpload', { ...initParams(video), dataSize: MIB });
    expect((await sendPart(call, video, 0)).json).toMatchObject({ code: -10006, canRetry: 0 });
    expect((await sendPart(call, { ...video, dataSize: MIB }, 0)).json.code).toBe(0);
  });

  it('refuses another fileSize for the same fileSha, before and after the end', async () => {
    const call = callerOf(await start());
    const video = videoOf(10);
    await call('InitUpload', initParams(video));
    const refusal = { code: -10003, message: expect.stringContaining('fileSize is 11, but 10') };
    expect((await call('InitUpload', { ...initParams(video), fileSize: 11 })).json).toMatchObject(refusal);
    await uploadAll(call, video);
    expect((await call('InitUpload', { ...initParams(video), fileSize: 11 })).json).toMatchObject(refusal);
  });
});

describe('UploadPart', () => {
  it('refuses a part without InitUpload', async () => {
    const { json } = await sendPart(callerOf(await start()), videoOf(10), 0);
    expect(json).toMatchObject({ code: -10005, canRetry: 0 });
  });

  const refused: [string, Record<string, string | number>, number, RegExp][] = [
    ['an offset between parts', { offset: 1 }, -10003, /no multiple of the part size 524288/],
    ['an offset beyond the file', { offset: 3 * KIB_512 }, -10003, /beyond/],
    ['another dataSize than the part size', { dataSize: KIB_512 - 1 }, -10006, /has 524288 bytes/],
    ['a full last part', { offset: KIB_512 }, -10006, /has 5 bytes/],
  ];
  it.each(refused)('refuses %s', async (_, change, code, message) => {
    const call = callerOf(await start());
    const video = videoOf(KIB_512 + 5);
    await call('InitUpload', initParams(video));
    const { json } = await sendPart(call, video, 0, change);
    expect(json).toMatchObject({ code, canRetry: 0, message: expect.stringMatching(message) });
  });

  it('checks the body against dataSize and dataMd5; damaged bytes are retryable', async () => {
    const emulator = await start();
    const call = callerOf(emulator);
    const video = videoOf(100);
    await call('InitUpload', initParams(video));
    const short = await sendPart(call, video, 0, {}, { body: video.bytes.subarray(0, 99) });
    expect(short.json).toMatchObject({ code: -10006, message: expect.stringContaining('99 bytes') });
    const damaged = await sendPart(call, video, 0, { dataMd5: md5(Buffer.from('x')) });
    expect(damaged.json).toMatchObject({ code: -10003, canRetry: 1 });
    expect((await call('InitUpload', initParams(video))).json.code).toBe(0);
    expect(emulator.control.stats().parts).toEqual({
      accepted: 0,
      duplicates: 0,
      bytes: 0,
      bySha: {},
      byKey: {},
    });
  });

  it('refuses a too large body with 413 and continues', async () => {
    const call = callerOf(await start());
    const video = videoOf(100);
    await call('InitUpload', initParams(video));
    const { status, json } = await sendPart(call, video, 0, {}, { body: Buffer.alloc(3 * MIB) });
    expect(status).toBe(413);
    expect(json).toMatchObject({ code: 4000, canRetry: 0 });
    expect((await sendPart(call, video, 0)).json.code).toBe(0);
  });

  it('counts a repeated part as a duplicate, also after the end', async () => {
    const emulator = await start();
    const call = callerOf(emulator);
    const video = videoOf(100);
    await call('InitUpload', initParams(video));
    const codes = [(await sendPart(call, video, 0)).json.code, (await sendPart(call, video, 0)).json.code];
    await call('FinishUpload', { fileSha: video.fileSha });
    codes.push((await sendPart(call, video, 0)).json.code);
    expect(codes).toEqual([0, 0, 0]);
    const counts = { accepted: 3, duplicates: 2, bytes: 300 };
    expect(emulator.control.stats().parts).toEqual({
      ...counts,
      bySha: { [video.fileSha]: counts },
      byKey: {},
    });
  });

  it('replaces a part by other bytes at the same offset', async () => {
    const call = callerOf(await start());
    const video = videoOf(100);
    await call('InitUpload', initParams(video));
    const other = videoOf(100).bytes;
    await sendPart(call, video, 0, { dataMd5: md5(other) }, { body: other });
    await sendPart(call, video, 0);
    expect((await call('FinishUpload', { fileSha: video.fileSha })).json.code).toBe(0);
  });
});

describe('FinishUpload', () => {
  it.each([1, 2 * KIB_512, 2 * KIB_512 + 9])('stores a file of %i bytes unchanged', async (size) => {
    const emulator = await start();
    const call = callerOf(emulator);
    const video = videoOf(size);
    const { json } = await uploadAll(call, video);
    expect(json).toMatchObject({ code: 0, canRetry: 0 });
    expect(json.fileId).toMatch(/^\d{19}$/);
    expect(BigInt(json.fileId) > 2n ** 53n && BigInt(Number(json.fileId)) !== BigInt(json.fileId)).toBe(true);
    expect(json.url).toBe(`${new URL(emulator.url).origin}/files/${json.fileId}/f0.mp4`);
    const stored = await fs.readFile(path.join(emulator.dataDir, 'files', json.fileId));
    expect(stored.equals(video.bytes)).toBe(true);
    expect(await fs.readdir(path.join(emulator.dataDir, 'sessions'))).toEqual([]);
  });

  it('reports the number of missing parts', async () => {
    const call = callerOf(await start());
    const video = videoOf(3 * KIB_512);
    await call('InitUpload', initParams(video));
    await sendPart(call, video, 0);
    const { json } = await call('FinishUpload', { fileSha: video.fileSha });
    expect(json).toMatchObject({ code: -10003, canRetry: 0 });
    expect(json.message).toBe('2 of 3 parts missing, first at offset 524288');
    await sendPart(call, video, KIB_512);
    await sendPart(call, video, 2 * KIB_512);
    expect((await call('FinishUpload', { fileSha: video.fileSha })).json.code).toBe(0);
  });

  it('refuses an unknown file', async () => {
    const { json } = await callerOf(await start())('FinishUpload', { fileSha: 'd'.repeat(40) });
    expect(json).toMatchObject({ code: -10005, canRetry: 0 });
  });

  it('replies again with the same fileId, and to InitUpload with code 2', async () => {
    const emulator = await start({ publicUrl: 'https://cdn.example/' });
    const call = callerOf(emulator);
    const video = videoOf(10);
    const { fileId, url } = (await uploadAll(call, video)).json;
    expect(url).toBe(`https://cdn.example/files/${fileId}/f0.mp4`);
    const again = await call('FinishUpload', { fileSha: video.fileSha });
    expect(again.json).toMatchObject({ code: 0, fileId, url });
    expect((await call('InitUpload', initParams(video))).json).toMatchObject({ code: 2, fileId, url });
    expect(emulator.control.stats().files).toMatchObject([{ fileId, finishes: 1 }]);
  });

  it('refuses an upload with another SHA-1, and keeps it so that a part can be sent again', async () => {
    const emulator = await start();
    const call = callerOf(emulator);
    const video = videoOf(2 * 524288);
    emulator.control.inject({ action: 'UploadPart', offset: 524288, effect: { kind: 'damage' } });
    const { json } = await uploadAll(call, video);
    expect(json).toMatchObject({ code: -10003, canRetry: 0, message: expect.stringContaining('assembled') });
    const listed = (await call('InitUpload', initParams(video))).json;
    expect(listed).toMatchObject({
      code: 1,
      listParts: [{ dataMd5: md5(video.bytes.subarray(0, 524288)) }, {}],
    });
    expect(listed.listParts[1].dataMd5).not.toBe(md5(video.bytes.subarray(524288)));
    await sendPart(call, video, 524288);
    expect((await call('FinishUpload', { fileSha: video.fileSha })).json.code).toBe(0);
  });

  it('keeps the properties of the last InitUpload', async () => {
    const emulator = await start();
    const call = callerOf(emulator);
    const video = videoOf(10);
    await call('InitUpload', { ...initParams(video), fileName: 'first' });
    await sendPart(call, video, 0);
    const last = { fileName: 'last', 'tags.1': 'a', 'tags.2': 'b', classId: 3, isTranscode: 1 };
    await call('InitUpload', { ...initParams(video), ...last });
    const { fileId, url } = (await call('FinishUpload', { fileSha: video.fileSha })).json;
    expect(emulator.control.stats().files).toEqual([
      {
        fileId,
        url,
        fileSha: video.fileSha,
        size: 10,
        name: 'last',
        type: 'mp4',
        tags: ['a', 'b'],
        classId: 3,
        isTranscode: true,
        isScreenshot: false,
        isWatermark: false,
        finishes: 1,
      },
    ]);
  });
});

describe('in parallel', () => {
  it('accepts all parts of several uploads at once, and stores each once', async () => {
    const emulator = await start();
    const call = callerOf(emulator);
    const videos = [videoOf(6 * KIB_512 + 1), videoOf(5 * KIB_512)];
    await Promise.all(videos.map((video) => call('InitUpload', initParams(video))));
    const parts = videos.flatMap((video) =>
      [...video.offsets, ...video.offsets].map((offset) => ({ video, offset })),
    );
    const sent = await Promise.all(parts.map(({ video, offset }) => sendPart(call, video, offset)));
    expect(new Set(sent.map(({ json }) => json.code))).toEqual(new Set([0]));
    const finishes = await Promise.all(
      videos.flatMap(({ fileSha }) => [1, 2, 3].map(() => call('FinishUpload', { fileSha }))),
    );
    expect(new Set(finishes.map(({ json }) => json.fileId)).size).toBe(2);
    const stats = emulator.control.stats();
    expect(stats.parts).toMatchObject({ accepted: 24, duplicates: 12 });
    expect(stats.files.map(({ finishes }) => finishes)).toEqual([1, 1]);
    for (const { fileId, fileSha } of stats.files) {
      const stored = await fs.readFile(path.join(emulator.dataDir, 'files', fileId));
      expect(stored.equals(videos.find((video) => video.fileSha === fileSha)?.bytes ?? Buffer.of())).toBe(
        true,
      );
    }
  });

  it('never stores mixed bytes when other parts arrive during FinishUpload', async () => {
    const emulator = await start();
    const call = callerOf(emulator);
    const video = videoOf(4 * KIB_512);
    await call('InitUpload', initParams(video));
    for (const offset of video.offsets) await sendPart(call, video, offset);
    const other = videoOf(KIB_512).bytes;
    const wrong = video.offsets.map((offset) =>
      sendPart(call, video, offset, { dataMd5: md5(other) }, { body: other }),
    );
    const [finish, ...parts] = await Promise.all([
      call('FinishUpload', { fileSha: video.fileSha }),
      ...wrong,
    ]);
    for (const { json } of parts) expect([0, -10004, -10005]).toContain(json.code);
    if (finish.json.code === 0) {
      const stored = await fs.readFile(path.join(emulator.dataDir, 'files', finish.json.fileId));
      expect(stored.equals(video.bytes)).toBe(true);
    } else expect(finish.json.code).toBe(-10003);
  });
});

describe('playback', () => {
  it('serves a stored video at its url, whole or in ranges', async () => {
    const call = callerOf(await start());
    const video = videoOf(1000);
    const { url } = (await uploadAll(call, video)).json;
    const whole = await fetch(url);
    expect(whole.headers.get('content-type')).toBe('video/mp4');
    expect(Buffer.from(await whole.arrayBuffer()).equals(video.bytes)).toBe(true);
    const ranged = async (range: string) => {
      const response = await fetch(url, { headers: { range } });
      return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) };
    };
    expect(await ranged('bytes=10-19')).toEqual({ status: 206, bytes: video.bytes.subarray(10, 20) });
    expect(await ranged('bytes=990-')).toEqual({ status: 206, bytes: video.bytes.subarray(990) });
    expect(await ranged('bytes=-5')).toEqual({ status: 206, bytes: video.bytes.subarray(995) });
    expect((await ranged('bytes=1000-')).status).toBe(416);
    expect((await fetch(url, { method: 'HEAD' })).headers.get('content-length')).toBe('1000');
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(405);
    expect((await fetch(url.replace('f0.mp4', 'f0.flv'))).status).toBe(404);
  });

  it('replies 404 to other paths and 405 to other methods', async () => {
    const { url } = await start();
    expect((await send(new URL(url), 'GET', '/v4/index.php?Action=InitUpload')).status).toBe(404);
    expect((await send(new URL(url), 'GET', '/files/../../etc/passwd')).status).toBe(404);
    expect((await send(new URL(url), 'PUT', '/v2/index.php')).status).toBe(405);
  });
});
