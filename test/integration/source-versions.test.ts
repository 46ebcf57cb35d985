import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { useWorld } from '../support/use-world.ts';

const run = promisify(execFile);
const MIB = 1048576;

const { world, source, gate, inject, download } = useWorld();

/** Replaces the bytes of a file and restores its size and times; only the ctime changes. */
async function rewriteUnseen(path: string): Promise<Buffer> {
  const { length } = await readFile(path);
  await run('cp', ['-p', path, `${path}.times`]);
  const bytes = randomBytes(length);
  await writeFile(path, bytes);
  await run('touch', ['-r', `${path}.times`, path]);
  return bytes;
}

describe('between hash and parts, a file', () => {
  it.each<[string, (path: string) => Promise<void>]>([
    [
      'that is replaced by a copy with its times, as if seen by another machine,',
      async (path) => {
        await run('cp', ['-p', path, `${path}.copy`]);
        await rename(`${path}.copy`, path);
      },
    ],
    ['whose rights are changed', (path) => chmod(path, 0o600)],
  ])('%s is still sent', async (name, change) => {
    const inits = gate({ action: 'InitUpload' });
    // Part workers open the file again, as on another machine.
    const hashing = await world().worker({}, ['--stages', 'upload,hash,init']).ready();
    const path = await source(`changed-${name.length}.mp4`, 3 * MIB);
    const upload = await world().uploads.add({ source: path });
    await inits.reached();
    await change(path);
    inits.open();
    await world().worker().ready();
    const result = await upload.result();
    expect(result).toMatchObject({ outcome: 'completed', partsSent: 3 });
    expect((await download(result.url)).equals(await readFile(path))).toBe(true);
    expect((await upload.status()).attempt).toBe(1);
    expect(hashing.running).toBe(true);
  });
});

describe('the SHA-1 of a file', () => {
  /** SHA-1s of files from this size on are cached. */
  const SIZE = 9 * MIB;

  it('is not reused when the file was rewritten and its times were restored', async () => {
    await world().worker().ready();
    const path = await source('film.mp4', SIZE);
    const first = await (await world().uploads.add({ source: path })).result();
    const bytes = await rewriteUnseen(path);
    const second = await (await world().uploads.add({ source: path })).result();
    expect(second).toMatchObject({ outcome: 'completed', partsSent: 9 });
    expect(second.fileSha).not.toBe(first.fileSha);
    expect((await download(second.url)).equals(bytes)).toBe(true);
  });

  it('is not reused by a retry either', async () => {
    inject({ action: 'UploadPart', effect: { kind: 'code', code: -10006, canRetry: 0 }, count: 1 });
    await world().worker().ready();
    const path = await source('retried.mp4', MIB);
    const upload = await world().uploads.add({ source: path });
    await expect(upload.result()).rejects.toMatchObject({ code: '-10006' });
    const bytes = await rewriteUnseen(path);
    await world().uploads.retry(upload.id);
    const { url } = await upload.result();
    expect((await download(url)).equals(bytes)).toBe(true);
  });

  it('is computed once for many uploads, and again with rehash', async () => {
    const worker = await world().worker().ready();
    const path = await source('again.mp4', SIZE);
    const outcomes: string[] = [];
    const hashed: number[] = [];
    for (const rehash of [false, false, true]) {
      const upload = await world().uploads.add({ source: path, rehash });
      outcomes.push((await upload.result()).outcome);
      hashed.push(await worker.metric('vod_hash_bytes_total'));
    }
    expect(outcomes).toEqual(['completed', 'instant', 'instant']);
    expect(hashed).toEqual([SIZE, SIZE, 2 * SIZE]);
  });

  it('is computed again at each attempt of an upload with rehash', async () => {
    inject({ action: 'UploadPart', effect: { kind: 'code', code: -10006, canRetry: 0 }, count: 1 });
    const worker = await world().worker({ PART_CONCURRENCY: '1' }).ready();
    const path = await source('attempts.mp4', SIZE);
    const upload = await world().uploads.add({ source: path, rehash: true });
    await expect(upload.result()).rejects.toMatchObject({ code: '-10006' });
    await world().uploads.retry(upload.id);
    expect((await upload.result()).outcome).toBe('completed');
    expect(await worker.metric('vod_hash_bytes_total')).toBe(2 * SIZE);
  });
});
