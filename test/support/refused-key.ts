import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Upload } from '../../src/index.ts';
import {
  expectNoHoldSince,
  holdIn,
  ofUploads,
  outcomes,
  readiness,
  saysLocalHold,
  saysQueuesHeld,
} from './holds.ts';
import { useWorld } from './use-world.ts';
import { SECRET_KEY } from './world.ts';

const WRONG_KEY = 'another0key0than0the0accounts';

/** Tests of a worker whose key VOD refuses. @param signatureCode what it answers then; the documents know both */
export function testRefusedKey(signatureCode: -10002 | 4100): void {
  const { world, source, stats } = useWorld({ signatureCode });

  const add = async (count: number): Promise<Upload[]> => {
    const paths = await Promise.all(
      [...Array(count).keys()].map((index) => source(`key${signatureCode}-${index}.mp4`, 1000)),
    );
    return await world().uploads.addMany(paths.map((path) => ({ source: path })));
  };

  it('takes its worker out, and no other: that one carries out all uploads', async () => {
    const good = await world().worker().ready();
    expect(await good.line(({ msg }) => msg === 'key accepted')).toMatchObject({ code: '-10005' });
    const bad = await world().worker({ VOD_SECRET_KEY: WRONG_KEY }).ready();
    expect(await bad.line(({ msg }) => String(msg).startsWith('key refused'))).toMatchObject({
      code: String(signatureCode),
      reason: expect.stringContaining('VOD_SECRET_KEY'),
    });
    // Nothing is to be done: the good one finds out for the other that VOD answers it.
    const own = await bad.line((line) => saysLocalHold(line) && ofUploads(line));
    expect(own).toMatchObject({ hold: 'account', code: String(signatureCode) });
    expect(await readiness(bad)).toEqual({
      status: 503,
      text: expect.stringMatching(/^VOD answers other workers, and not this one: .*VOD_SECRET_KEY/),
    });
    expect((await readiness(good)).status).toBe(200);
    expect(await bad.metric('vod_worker_out', { reason: 'account' })).toBe(1);
    expect(await bad.metric('vod_worker_running', { queue: 'vod-init' })).toBe(0);
    expect(await bad.metric('vod_worker_running', { queue: 'vod-hash' })).toBe(1);
    expect(await good.metric('vod_worker_out')).toBe(0);

    expect(await outcomes(await add(10))).toEqual(Array(10).fill('completed'));
    // Not one of their requests was the bad one's.
    for (const action of ['InitUpload', 'UploadPart', 'FinishUpload'] as const) {
      expect(stats().requests[action].byResult).toEqual({ 0: 10 });
    }
    expect(await holdIn(world())).toBeNull();
    expectNoHoldSince(own, good, bad);
  });

  it('holds the queues when there is no other worker, until one comes', async () => {
    const bad = await world().worker({ VOD_SECRET_KEY: WRONG_KEY }).ready();
    const uploads = await add(5);
    await bad.line((line) => saysQueuesHeld(line) && ofUploads(line));
    expect((await uploads[0]?.status())?.progress.hold).toMatchObject({
      kind: 'account',
      code: String(signatureCode),
      message: expect.stringContaining('VOD_SECRET_KEY'),
    });
    // What is everybody's trouble is not told as its own.
    expect((await readiness(bad)).status).toBe(200);
    expect(await bad.metric('vod_worker_out')).toBe(0);
    await world().worker().ready();
    expect(await outcomes(uploads)).toEqual(Array(5).fill('completed'));
    await bad.line((line) => saysLocalHold(line) && ofUploads(line));
    expect(await holdIn(world())).toBeNull();
    expect(stats().requests.InitUpload.byResult).toEqual({ 0: 5 });
  });

  it('is probed, and its worker goes on by itself when it is mended', async () => {
    const keyFile = join(world().sources, '..', `key${signatureCode}`);
    await writeFile(keyFile, WRONG_KEY);
    const good = await world().worker().ready();
    const bad = await world().worker({ VOD_SECRET_KEY: '', VOD_SECRET_KEY_FILE: keyFile }).ready();
    await bad.line((line) => saysLocalHold(line) && ofUploads(line));
    await good.end('SIGTERM');
    const uploads = await add(5);
    await writeFile(`${keyFile}.new`, SECRET_KEY);
    await rename(`${keyFile}.new`, keyFile);
    await bad.line((line) => line.msg === 'vod answers; this worker takes jobs again' && ofUploads(line));
    expect(await outcomes(uploads)).toEqual(Array(5).fill('completed'));
    await expect.poll(() => readiness(bad)).toMatchObject({ status: 200 });
    expect(await bad.metric('vod_worker_out')).toBe(0);
    expect(await bad.metric('vod_worker_running', { queue: 'vod-init' })).toBe(1);
  });
}
