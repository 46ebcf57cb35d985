import { copyFile, readFile, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { untilDelayed } from '../support/delayed.ts';
import { useWorld } from '../support/use-world.ts';

const MIB = 1048576;

const { world, source, inject, gate, stats } = useWorld();

/** Files with the same content. */
async function copies(name: string, size: number, count: number): Promise<string[]> {
  const first = await source(`${name}-0.mp4`, size);
  const others = [...Array(count - 1).keys()].map(async (index) => {
    const path = join(world().sources, `${name}-${index + 1}.mp4`);
    await copyFile(first, path);
    return path;
  });
  return [first, ...(await Promise.all(others))];
}

describe('simultaneous uploads of the same content', () => {
  it('share one transfer on any workers; the others are instant, with metadataApplied false', async () => {
    const parts = gate({ action: 'UploadPart' });
    await Promise.all([world().worker().ready(), world().worker().ready()]);
    const paths = await copies('same', 6 * MIB, 12);
    const uploads = await world().uploads.addMany(paths.map((path) => ({ source: path })));
    await parts.reached(6);
    // They don't continue without being woken.
    await untilDelayed(world(), 11);
    parts.open();
    const results = await Promise.all(uploads.map((upload) => upload.result()));
    expect(new Set(results.map(({ fileId }) => fileId)).size).toBe(1);
    const outcomes = results.map(({ outcome }) => outcome).sort();
    expect(outcomes).toEqual(['completed', ...Array(11).fill('instant')]);
    for (const { outcome, metadataApplied } of results) expect(metadataApplied).toBe(outcome === 'completed');
    expect(stats().parts).toMatchObject({ accepted: 6, duplicates: 0 });
    expect(stats().files.find(({ fileId }) => fileId === results[0]?.fileId)?.finishes).toBe(1);
  });

  it('are continued by another upload when the sending one fails', async () => {
    inject({
      action: 'UploadPart',
      effect: { kind: 'code', code: -10006, canRetry: 0 },
      offset: 3 * MIB,
    });
    const last = gate({ action: 'UploadPart', offset: 3 * MIB });
    await world().worker().ready();
    const [one = '', other = ''] = await copies('fails', 4 * MIB, 2);
    const first = await world().uploads.add({ source: one });
    await last.reached();
    const second = await world().uploads.add({ source: other });
    await untilDelayed(world(), 1);
    await expect.poll(() => stats().parts.accepted).toBe(3);
    last.open();
    await expect(first.result()).rejects.toMatchObject({ code: '-10006' });
    expect(await second.result()).toMatchObject({ outcome: 'completed', partsSkipped: 3, partsSent: 1 });
    expect(stats().parts).toMatchObject({ accepted: 4, duplicates: 0 });
    expect(await (await world().uploads.retry(first.id)).result()).toMatchObject({ outcome: 'instant' });
  });
});

describe('a hashed file', () => {
  it('is not hashed again by another upload or a retry', async () => {
    const worker = await world().worker().ready();
    const path = await source('hashed.mp4', 9 * MIB);
    await (await world().uploads.add({ source: path })).result();
    expect(await worker.metric('vod_hash_bytes_total')).toBe(9 * MIB);
    inject({
      action: 'InitUpload',
      effect: { kind: 'code', code: 4000, canRetry: 0 },
    });
    const again = await world().uploads.add({ source: path });
    await expect(again.result()).rejects.toMatchObject({ code: '4000' });
    await (await world().uploads.retry(again.id)).result();
    expect(await worker.metric('vod_hash_bytes_total')).toBe(9 * MIB);
    // Changed times make it another version, even with the same bytes.
    await utimes(path, 1_700_000_000, 1_700_000_000);
    await (await world().uploads.add({ source: path })).result();
    expect(await worker.metric('vod_hash_bytes_total')).toBe(18 * MIB);
    expect((await readFile(path)).length).toBe(9 * MIB);
  });
});
