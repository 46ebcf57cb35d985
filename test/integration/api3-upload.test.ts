import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { useWorld } from '../support/use-world.ts';

const MIB = 2 ** 20;

const { world, source, stats, download } = useWorld({ api: '2018-07-17' });

/** Numbers of requests by action, without those that were not made. */
function requests(): Record<string, number> {
  const counts = Object.entries(stats().requests).map(([action, { total }]) => [action, total] as const);
  return Object.fromEntries(counts.filter(([, total]) => total > 0));
}

describe('an upload by API 3.0', () => {
  it('sends a small file as one object', async () => {
    await world().worker().ready();
    const path = await source('clip.mp4', 700_000);
    const upload = await world().uploads.add({ source: path });
    const result = await upload.result();
    expect(result).toMatchObject({ outcome: 'completed', fileSha: null, fileSize: 700_000, partsSent: 1 });
    expect(result).toMatchObject({ name: 'clip', type: 'mp4', bytesSent: 700_000 });
    expect(await download(result.url)).toEqual(await readFile(path));
    expect(requests()).toMatchObject({ ApplyUpload: 1, PutObject: 1, HeadObject: 1 });
  });

  it('sends a large file in parts of 8 MiB', async () => {
    await world().worker().ready();
    const path = await source('film.mp4', 20 * MIB + 1);
    const result = await (await world().uploads.add({ source: path })).result();
    expect(result).toMatchObject({ outcome: 'completed', bytesSent: 20 * MIB + 1 });
    expect(await download(result.url)).toEqual(await readFile(path));
  });
});
