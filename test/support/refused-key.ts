import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  expectNoHoldSince,
  hasUploadStages,
  holdIn,
  isLocalHold,
  isQueuesHeld,
  outcomes,
  readiness,
} from './holds.ts';
import { useWorld } from './use-world.ts';
import { SECRET_KEY } from './world.ts';

const WRONG_KEY = 'another0key0than0the0accounts';

/** Tests of a worker whose key VOD refuses. @param signatureCode the error code: the documents have both */
export function testRefusedKey(signatureCode: -10002 | 4100): void {
  const { world, addUploads, stats } = useWorld({ signatureCode });

  it('stops its worker only: the other one processes all uploads', async () => {
    const good = await world().worker().ready();
    expect(await good.line(({ msg }) => msg === 'key accepted')).toMatchObject({ code: '-10005' });
    const bad = await world().worker({ VOD_SECRET_KEY: WRONG_KEY }).ready();
    expect(await bad.line(({ msg }) => String(msg).startsWith('key refused'))).toMatchObject({
      code: String(signatureCode),
      reason: expect.stringContaining('VOD_SECRET_KEY'),
    });
    // Without uploads too, the good worker's key check shows that VOD answers it.
    const own = await bad.line((line) => isLocalHold(line) && hasUploadStages(line));
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

    expect(await outcomes(await addUploads(10))).toEqual(Array(10).fill('completed'));
    // The bad worker sent no request for them.
    for (const action of ['InitUpload', 'UploadPart', 'FinishUpload'] as const) {
      expect(stats().requests[action].byResult).toEqual({ 0: 10 });
    }
    expect(await holdIn(world())).toBeNull();
    expectNoHoldSince(own, good, bad);
  });

  it('holds the queues while there is no other worker', async () => {
    const bad = await world().worker({ VOD_SECRET_KEY: WRONG_KEY }).ready();
    const uploads = await addUploads(5);
    await bad.line((line) => isQueuesHeld(line) && hasUploadStages(line));
    expect((await uploads[0]?.status())?.progress.hold).toMatchObject({
      kind: 'account',
      code: String(signatureCode),
      message: expect.stringContaining('VOD_SECRET_KEY'),
    });
    // A hold of the queues is not reported as a problem of this worker.
    expect((await readiness(bad)).status).toBe(200);
    expect(await bad.metric('vod_worker_out')).toBe(0);
    await world().worker().ready();
    expect(await outcomes(uploads)).toEqual(Array(5).fill('completed'));
    await bad.line((line) => isLocalHold(line) && hasUploadStages(line));
    expect(await holdIn(world())).toBeNull();
    expect(stats().requests.InitUpload.byResult).toEqual({ 0: 5 });
  });

  it('is probed, and its worker resumes after the key is fixed', async () => {
    const keyFile = join(world().sources, '..', `key${signatureCode}`);
    await writeFile(keyFile, WRONG_KEY);
    const good = await world().worker().ready();
    const bad = await world().worker({ VOD_SECRET_KEY: '', VOD_SECRET_KEY_FILE: keyFile }).ready();
    await bad.line((line) => isLocalHold(line) && hasUploadStages(line));
    await good.end('SIGTERM');
    const uploads = await addUploads(5);
    await writeFile(`${keyFile}.new`, SECRET_KEY);
    await rename(`${keyFile}.new`, keyFile);
    await bad.line(
      (line) => line.msg === 'vod answers; this worker takes jobs again' && hasUploadStages(line),
    );
    expect(await outcomes(uploads)).toEqual(Array(5).fill('completed'));
    await expect.poll(() => readiness(bad)).toMatchObject({ status: 200 });
    expect(await bad.metric('vod_worker_out')).toBe(0);
    expect(await bad.metric('vod_worker_running', { queue: 'vod-init' })).toBe(1);
  });
}
