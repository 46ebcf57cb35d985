import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Session } from '../../../../src/emulator/state/session.ts';
import { md5, temporaryDirectory, videoOf } from '../support.ts';

const KIB_512 = 524288;
const MIB = 1048576;

async function sessionOf(dataSize: typeof KIB_512 | typeof MIB, size: number) {
  const video = videoOf(size, dataSize);
  const properties = {
    fileSha: video.fileSha,
    fileSize: size,
    fileName: 'clip',
    fileType: 'mp4',
    tags: [],
    classId: null,
    isTranscode: false,
    isScreenshot: false,
    isWatermark: false,
  };
  const directory = path.join(await temporaryDirectory(), 'session');
  const session = Session.create(directory, { properties, dataSize });
  const write = (bytes: Buffer) =>
    session.write({ offset: 0, dataSize: bytes.length, dataMd5: md5(bytes) }, [bytes]);
  return { session, directory, properties, write, first: video.bytes.subarray(0, dataSize) };
}

describe('session', () => {
  it('rejects other bytes while sealed, but accepts the same ones', async () => {
    const { session, write, first } = await sessionOf(KIB_512, 2 * KIB_512);
    const other = videoOf(KIB_512).bytes;
    expect(await write(first)).toBe(false);
    session.seal();
    expect(await write(first)).toBe(true);
    await expect(write(other)).rejects.toMatchObject({ code: -10004, canRetry: 1 });
    expect(session.received).toMatchObject([{ dataMd5: md5(first) }]);
    session.unseal();
    expect(await write(other)).toBe(false);
    expect(session.received).toMatchObject([{ dataMd5: md5(other) }]);
  });

  it('lists a part as missing while it is overwritten', async () => {
    const { session, write, first } = await sessionOf(KIB_512, KIB_512);
    await write(first);
    expect(session.missing).toEqual([]);
    const overwriting = write(videoOf(KIB_512).bytes);
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    expect(session.missing).toEqual([0]);
    await overwriting;
    expect(session.missing).toEqual([]);
  });

  it('accepts no part of an earlier part size, also after a restart', async () => {
    const { session, directory, properties, write, first } = await sessionOf(KIB_512, MIB);
    await write(first);
    const overwriting = write(videoOf(KIB_512).bytes);
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    session.bind({ properties, dataSize: MIB });
    await expect(overwriting).rejects.toMatchObject({ code: -10004, canRetry: 1 });
    expect(session.received).toEqual([]);
    const loaded = Session.load(directory);
    expect(loaded?.dataSize).toBe(MIB);
    expect(loaded?.received).toEqual([]);
  });
});
