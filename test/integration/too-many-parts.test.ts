import { join } from 'node:path';
import { Worker } from 'bullmq';
import { describe, expect, it, onTestFinished } from 'vitest';
import { MAX_PARTS } from '../../src/upload/plan.ts';
import { writeSparseFile } from '../support/files.ts';
import { useWorld } from '../support/use-world.ts';

/** The largest file with parts of 1 MiB. */
const LARGEST = MAX_PARTS * 2 ** 20;

const { world, source, stats } = useWorld();

/** Processes a stage with a forged result, as anyone with write access to Redis can. */
function answer(stage: 'hash' | 'init', value: object): void {
  const connection = { url: world().redisUrl, maxRetriesPerRequest: null };
  const liar = new Worker(`vod-${stage}`, async () => value, { connection, prefix: world().prefix });
  onTestFinished(() => liar.close(true));
}

const hashed = (size: number) => ({ fileSha: 'a'.repeat(40), version: { size, mtimeNs: '1', inode: '1' } });

describe('a file with too many parts', () => {
  it('is refused by add, or by the worker when add can’t see it', async () => {
    const path = await writeSparseFile(join(world().sources, 'huge.mp4'), LARGEST + 1);
    const words = /huge\.mp4 is too large: 488\.3 GiB are 500001 parts of 1\.0 MiB, more than 500000/;
    await expect(world().uploads.add({ source: path })).rejects.toThrow(words);
    await expect(world().uploads.add({ source: path, partSize: 524288 })).rejects.toThrow('244.1 GiB');
    await world().worker().ready();
    const unseen = await world().uploads.add({ source: path, checkSource: false });
    const error = await unseen.result().catch((reason) => reason);
    expect(error).toMatchObject({ code: 'TOO_MANY_PARTS', retryable: false });
    expect(error.message).toMatch(words);
  });
});

describe('forged sizes and parts', () => {
  it.each([
    ['a file of 8 PiB', hashed(9e15), undefined],
    [
      'the same parts a thousand times',
      hashed(LARGEST),
      Array.from({ length: 1000 }, () => [0, MAX_PARTS - 1]),
    ],
    ['parts beyond all files', hashed(LARGEST), [[0, 2 ** 50]]],
  ])('%s fail the upload but not the worker', async (_, hash, missing) => {
    answer('hash', hash);
    if (missing !== undefined) answer('init', { kind: 'send', partSize: 1048576, missing });
    const worker = await world().worker({}, ['--stages', 'upload,part,finish']).ready();
    const upload = await world().uploads.add({ source: await source('video.mp4', 1000) });
    await expect(upload.result()).rejects.toMatchObject({ code: 'INVALID_JOB', retryable: false });
    expect(worker.running).toBe(true);
    expect(stats().requests.UploadPart.total).toBe(0);
  });
});
