import { describe, expect, it } from 'vitest';
import type { VodError } from '../../../../src/vod/wire/vod-error.ts';
import {
  beginAnew,
  bodyOf,
  FILE,
  fileBytes,
  MemoJob,
  MIB,
  type Send,
  sendParts,
  setUp,
  signal,
} from './setup.ts';

const BYTES = fileBytes(3 * MIB + 5);

/** An upload of which COS has all parts. */
async function sent(options: Parameters<typeof setUp>[0] = {}, bytes = BYTES) {
  const world = await setUp(options);
  const begun = await beginAnew(world.backend, bytes.length, MIB);
  const checksum = await sendParts(world.backend, begun, bytes);
  const upload = { ...FILE, session: begun.session ?? '' };
  const memo = new MemoJob();
  const finish = (sum = checksum) => world.backend.finish(upload, sum, memo, signal);
  return { ...world, begun, upload, memo, checksum, finish };
}

const files = ({ control }: Awaited<ReturnType<typeof sent>>) => control.stats().files;

/** Finishes, and expects one video of it. */
async function makesVideo(world: Awaited<ReturnType<typeof sent>>): Promise<void> {
  const video = await world.finish();
  expect(files(world)).toMatchObject([video]);
}

describe('finish', () => {
  it.each([
    ['one part', 1000],
    ['four parts', BYTES.length],
  ])('makes a video of %s', async (_, size) => {
    const world = await sent({}, BYTES.subarray(0, size));
    const video = await world.finish();
    expect(files(world)).toMatchObject([{ ...video, size, name: 'film', type: 'mp4' }]);
    expect(files(world)[0]?.media).toMatchObject({ sourceContext: 'u1' });
  });

  it.each([
    ['ListParts', 'before'],
    ['CompleteMultipartUpload', 'before'],
    ['CompleteMultipartUpload', 'after'],
    ['HeadObject', 'after'],
    ['CommitUpload', 'before'],
    ['CommitUpload', 'after'],
  ] as const)('can be repeated when %s has no reply (%s its effect)', async (action, when) => {
    const world = await sent();
    world.control.inject({ action, effect: { kind: 'reset', when } });
    const error = (await world.finish().catch((reason) => reason)) as VodError;
    expect(error).toMatchObject({ code: 'NETWORK', kind: 'retryable' });
    expect(world.backend.failedFinish(error)).toBeUndefined();
    world.memo.restart();
    await makesVideo(world);
  });

  it('takes the same answer of a second CommitUpload as well', async () => {
    const world = await sent({ secondCommit: 'same' });
    world.control.inject({ action: 'CommitUpload', effect: { kind: 'reset', when: 'after' } });
    await expect(world.finish()).rejects.toThrow();
    world.memo.restart();
    await makesVideo(world);
    expect(world.requests('SearchMedia')).toBe(0);
  });

  it('repeats a Complete that has an error in its 200', async () => {
    const world = await sent();
    world.control.inject({
      action: 'CompleteMultipartUpload',
      effect: { kind: 'error', code: 'InternalError', status: 200 },
    });
    await expect(world.finish()).rejects.toMatchObject({ code: 'InternalError', kind: 'retryable' });
    world.memo.restart();
    await makesVideo(world);
  });

  it('looks a few times for the video of a lost CommitUpload before it gives the session up', async () => {
    const world = await sent();
    await world.memo.save('stored 1');
    world.control.setSessions({ expireAll: true });
    let error: VodError | undefined;
    let starts = 0;
    do {
      world.memo.restart();
      error = (await world.finish().catch((reason) => reason)) as VodError;
      starts++;
    } while (error.code === 'COMMIT_UNKNOWN');
    expect(starts).toBeGreaterThan(5);
    expect(error).toMatchObject({ kind: 'session', code: 'InvalidParameterValue.VodSessionKey' });
    expect(world.requests('SearchMedia')).toBe(starts);
  });

  it('does not stop all uploads when the key may not search', async () => {
    const world = await sent();
    await world.memo.save('stored 9');
    world.memo.restart();
    world.control.setSessions({ expireAll: true });
    world.control.inject({ action: 'SearchMedia', effect: { kind: 'error', code: 'UnauthorizedOperation' } });
    await expect(world.finish()).rejects.toMatchObject({ kind: 'session' });
  });

  it('does without the right to HEAD', async () => {
    const world = await sent({ deniedActions: ['HeadObject'] });
    await makesVideo(world);
  });

  it('refuses parts that are missing, or not those that were sent', async () => {
    const world = await sent();
    const damaged = { ...world.begun } as Send;
    await sendParts(
      world.backend,
      damaged,
      fileBytes(4 * MIB)
        .fill(7)
        .subarray(0, BYTES.length),
      [1],
    );
    const error = (await world.finish().catch((reason) => reason)) as VodError;
    expect(error).toMatchObject({ code: 'PARTS_DIFFER' });
    expect(world.backend.failedFinish(error)).toBe('refused');
    expect(world.requests('CompleteMultipartUpload')).toBe(0);
    const { backend } = world;
    const begun = await beginAnew(backend, BYTES.length, MIB);
    const checksum = await sendParts(backend, begun, BYTES, [0, 2]);
    const upload = { ...FILE, session: begun.session ?? '' };
    await expect(backend.finish(upload, checksum, new MemoJob(), signal)).rejects.toMatchObject({
      ...{ code: 'PARTS_MISSING', message: expect.stringContaining('COS has 2 of 4 parts') },
    });
  });

  it('gives up an object that has another CRC-64 than the file', async () => {
    const world = await sent();
    const marks = world.checksum?.slice(16) ?? '';
    await expect(world.finish(`${'0'.repeat(15)}1${marks}`)).rejects.toMatchObject({
      ...{ kind: 'session', code: 'OBJECT_DIFFERS', message: expect.stringContaining('CRC-64') },
    });
    expect(files(world)).toEqual([]);
  });
});

describe('a damaged part', () => {
  it('is sent again if COS got other bytes than were read', async () => {
    const { backend } = await setUp();
    const { session = '' } = await beginAnew(backend, BYTES.length, MIB);
    const body = await bodyOf(BYTES.subarray(0, MIB));
    const whole = { bytes: BYTES.subarray(1, MIB + 1), digest: body.whole?.digest ?? '' };
    const part = { upload: { ...FILE, session }, offset: 0, body: { ...body, whole } };
    await expect(backend.sendPart(part, signal)).rejects.toMatchObject({
      ...{ code: 'PART_DIFFERS', kind: 'retryable', message: expect.stringContaining('CRC-64') },
    });
  });

  it.each([true, false])(
    'in COS is found before the object is made (CRC-64 in replies: %s)',
    async (crc64) => {
      const { backend, control, requests } = await setUp({ crc64 });
      const begun = await beginAnew(backend, BYTES.length, MIB);
      // Without a CRC-64, the first part is sent twice.
      if (!crc64) await expect(sendParts(backend, begun, BYTES, [0])).rejects.toThrow('it is sent again');
      control.inject({ action: 'UploadPart', effect: { kind: 'damage' } });
      const checksum = await sendParts(backend, begun, BYTES);
      const upload = { ...FILE, session: begun.session ?? '' };
      const finish = () => backend.finish(upload, checksum, new MemoJob(), signal);
      await expect(finish()).rejects.toMatchObject({ code: 'PARTS_DIFFER' });
      expect(requests('CompleteMultipartUpload')).toBe(0);
      await sendParts(backend, begun, BYTES, [0]);
      await finish();
      expect(control.stats().files).toHaveLength(1);
    },
  );

  it('that is the whole object is found before the video is made', async () => {
    const { backend, control } = await setUp();
    const bytes = BYTES.subarray(0, 1000);
    const begun = await beginAnew(backend, bytes.length);
    control.inject({ action: 'PutObject', effect: { kind: 'damage' } });
    const checksum = await sendParts(backend, begun, bytes);
    const upload = { ...FILE, session: begun.session ?? '' };
    const finish = backend.finish(upload, checksum, new MemoJob(), signal);
    await expect(finish).rejects.toMatchObject({ kind: 'session', code: 'OBJECT_DIFFERS' });
    expect(control.stats().files).toEqual([]);
  });
});

describe('abandon', () => {
  it.each([
    [[], 0],
    [['AbortMultipartUpload'] as const, 1],
  ])('deletes the parts, if it may', async (denied, left) => {
    const world = await sent({ deniedActions: denied });
    await world.backend.abandon(world.upload, signal);
    expect(world.control.stats().openUploads).toHaveLength(left);
  });
});

describe('the check of the key', () => {
  it('asks the bucket too while it does not answer', async () => {
    const { backend, control } = await setUp();
    expect(await backend.checkKey(signal)).toBe('InvalidParameterValue.VodSessionKey');
    const begun = await beginAnew(backend, BYTES.length, MIB);
    // The part and two probes.
    control.inject({ api: 'cos', effect: { kind: 'http', status: 502 }, count: 3 });
    await expect(sendParts(backend, begun, BYTES, [0])).rejects.toMatchObject({ systemicCause: 'outage' });
    await expect(backend.checkKey(signal)).rejects.toMatchObject({ systemicCause: 'outage' });
    await expect(backend.checkKey(signal)).rejects.toMatchObject({ systemicCause: 'outage' });
    await backend.checkKey(signal);
    control.inject({ api: 'cos', effect: { kind: 'http', status: 502 } });
    await backend.checkKey(signal);
  });
});
