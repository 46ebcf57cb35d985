import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Upload } from '../../src/index.ts';
import { startProxy, type TcpProxy } from '../support/proxy.ts';
import { useWorld } from '../support/use-world.ts';

const MIB = 2 ** 20;
const HOUR_AHEAD = fileURLToPath(new URL('../support/clock-one-hour-ahead.ts', import.meta.url));

const { world, source, inject, gate, stats, download, addUploads } = useWorld({ api: '2018-07-17' });

/** A proxy before the emulator. @returns the endpoint through it */
async function throughProxy(endpoint: string): Promise<{ proxy: TcpProxy; url: string }> {
  const proxy = await startProxy(Number(new URL(world().emulator.url).port));
  onTestFinished(() => proxy.close());
  return { proxy, url: endpoint.replace(/:\d+\//, `:${proxy.port}/`) };
}

async function expectCompleted(uploads: readonly Upload[]): Promise<void> {
  for (const upload of uploads) {
    expect(await upload.result()).toMatchObject({ outcome: 'completed' });
    expect(await upload.status()).toMatchObject({ attempt: 1 });
  }
}

describe('an outage', () => {
  it('of object storage alone holds the uploads, is probed, and ends on its own', async () => {
    const parts = gate({ action: 'UploadPart' });
    const { proxy, url } = await throughProxy(world().emulator.cosUrl);
    const worker = await world().worker({ PART_ATTEMPTS: '1', VOD_COS_ENDPOINT: url }).ready();
    const paths = await Promise.all([1, 2].map((n) => source(`cos-down-${n}.mp4`, 6 * MIB)));
    const uploads = await world().uploads.addMany(paths.map((path) => ({ source: path, partSize: MIB })));
    await parts.reached(4);
    await proxy.refuse();
    parts.open();
    await expect.poll(() => worker.metric('vod_hold', { reason: 'outage' })).toBe(1);
    // VOD's own host answers meanwhile, which does not end the hold.
    const asked = stats().requests.CommitUpload.total;
    await expect.poll(() => stats().requests.CommitUpload.total).toBeGreaterThan(asked + 2);
    expect(await worker.metric('vod_hold', { reason: 'outage' })).toBe(1);
    await proxy.accept();
    await expectCompleted(uploads);
    for (const [index, upload] of uploads.entries()) {
      const { url } = await upload.result();
      expect((await download(url)).equals(await readFile(paths[index] ?? ''))).toBe(true);
    }
    await expect.poll(() => worker.metric('vod_hold', { reason: 'outage' })).toBe(0);
  });

  it('of VOD’s own host holds the uploads, and ends on its own', async () => {
    const { proxy, url } = await throughProxy(world().emulator.api3Url);
    const worker = await world().worker({ PART_ATTEMPTS: '1', VOD_ENDPOINT: url }).ready();
    await proxy.refuse();
    const uploads = await addUploads(5);
    await expect.poll(() => worker.metric('vod_hold', { reason: 'outage' })).toBe(1);
    await proxy.accept();
    await expectCompleted(uploads);
    expect(stats().requests.ApplyUpload.byResult).toEqual({ ok: 5 });
  });
});

describe('a refused account', () => {
  it.each(['AuthFailure.SignatureFailure', 'UnauthorizedOperation', 'FailedOperation.InvalidVodUser'])(
    '(%s) holds all uploads, which continue on their own when it is fixed',
    async (code) => {
      inject({ api: 'api3', effect: { kind: 'error', code }, share: 1 });
      const worker = await world().worker({ PART_ATTEMPTS: '1' }).ready();
      const uploads = await addUploads(5);
      await worker.line(({ msg }) => String(msg).startsWith('account refused'));
      expect(await worker.metric('vod_hold', { reason: 'account' })).toBe(1);
      expect((await uploads[0]?.status())?.progress.hold).toMatchObject({ kind: 'account', code });
      expect(stats().requests.ApplyUpload.total).toBe(0);
      world().emulator.control.clearFaults();
      await expectCompleted(uploads);
    },
  );
});

describe('a worker whose clock is an hour ahead', () => {
  it('uploads like any other, without a spent attempt', async () => {
    const worker = await world()
      .worker({ PART_ATTEMPTS: '2', NODE_OPTIONS: `--import=${HOUR_AHEAD}` })
      .ready();
    const path = await source('ahead.mp4', 5 * MIB);
    const large = await world().uploads.add({ source: path, partSize: MIB });
    await expectCompleted([large, ...(await addUploads(2))]);
    expect((await download((await large.result()).url)).equals(await readFile(path))).toBe(true);
    expect(stats().requests.ApplyUpload.byResult.ok).toBe(3);
    expect(worker.lines.filter(({ msg, next }) => msg === 'attempt failed' && next === 'failed')).toEqual([]);
  });
});
