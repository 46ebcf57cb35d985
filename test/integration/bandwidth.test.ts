import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Upload } from '../../src/index.ts';
import { PIECE_BYTES } from '../../src/vod/http/body-pieces.ts';
import { writeSparseFile } from '../support/files.ts';
import { withQueue } from '../support/seed.ts';
import { useWorld } from '../support/use-world.ts';

const MIB = 1048576;

/** Concurrent parts of a worker: one per slot, and those read ahead. */
const JOBS = 10;

const { world, source, download } = useWorld();

/** The lowest allowed cap: a part takes 16 s. */
const CAP = 65536;

let sink: Server;
/** Received bytes of parts. */
let received = 0;

/** A VOD that accepts everything. */
beforeAll(async () => {
  const done = { code: 0, message: '', fileId: '14508071098244929440', url: 'http://127.0.0.1/video.mp4' };
  sink = createServer((request, response) => {
    request.on('data', (data: Buffer) => (received += data.length));
    request.on('end', () => response.end(JSON.stringify(done)));
  });
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
});
beforeEach(() => {
  received = 0;
});
afterAll(() => {
  sink.closeAllConnections();
  sink.close();
});

const worker = (env: Readonly<Record<string, string>>) => {
  const { port } = sink.address() as AddressInfo;
  return world()
    .worker({ VOD_ENDPOINT: `http://127.0.0.1:${port}/v2/index.php`, ...env })
    .ready();
};

/** @returns a function that returns the maximum bytes under a cap since now */
function allowance(atOnce: number): () => number {
  const startedAt = performance.now();
  return () => atOnce + ((performance.now() - startedAt) * CAP) / 1000;
}

/** Resolves when `count` parts are active on all workers together. */
async function untilActive(count: number): Promise<void> {
  await withQueue(world(), (redis, key) => expect.poll(() => redis.llen(key('vod-part:active'))).toBe(count));
}

it('files arrive unchanged under caps', async () => {
  const caps = { MAX_BYTES_PER_SECOND: '1000000000', MAX_BYTES_PER_SECOND_TOTAL: '1000000000' };
  await world().worker(caps).ready();
  const path = await source('both.mp4', 3 * MIB + 7);
  const { partsSent, url } = await (await world().uploads.add({ source: path })).result();
  expect(partsSent).toBe(4);
  expect((await download(url)).equals(await readFile(path))).toBe(true);
});

describe('a cap for all workers', () => {
  it('limits them together, and an upload can be cancelled while its parts wait', async () => {
    const allowed = allowance(MIB);
    const env = { MAX_BYTES_PER_SECOND_TOTAL: String(CAP) };
    await Promise.all([worker(env), worker(env)]);
    const path = await writeSparseFile(join(world().sources, 'total.mp4'), 60 * MIB);
    const upload = await world().uploads.add({ source: path });
    await expect.poll(() => received).toBeGreaterThanOrEqual(MIB);
    // Both workers have all their concurrent parts.
    await untilActive(2 * JOBS);
    // Other uploads are hashed and initialized meanwhile.
    const others: Upload[] = [];
    for (const index of [1, 2, 3]) {
      const other = await world().uploads.add({ source: await source(`other-${index}.mp4`, MIB) });
      for await (const { stage } of other.progress()) if (stage === 'uploading') break;
      others.push(other);
    }
    expect(received).toBeLessThanOrEqual(allowed());
    for (const { id } of [upload, ...others]) expect(await world().uploads.cancel(id)).toBe(true);
    await expect(upload.result()).rejects.toMatchObject({ code: 'CANCELLED' });
    await untilActive(0);
    expect(received).toBeLessThanOrEqual(allowed());
  });

  it('returns waiting parts at a shutdown, without a spent attempt', async () => {
    const env = { MAX_BYTES_PER_SECOND_TOTAL: String(CAP), SHUTDOWN_TIMEOUT_MS: '0', PART_ATTEMPTS: '1' };
    const slow = await worker(env);
    const path = await writeSparseFile(join(world().sources, 'back.mp4'), 16 * MIB);
    const upload = await world().uploads.add({ source: path });
    await expect.poll(() => received).toBeGreaterThanOrEqual(MIB);
    await untilActive(JOBS);
    await slow.end('SIGTERM');
    expect(slow.lines.some(({ msg }) => msg === 'drain deadline passed; handing jobs back')).toBe(true);
    // A part has a single attempt; the cap is removed.
    await worker({ PART_ATTEMPTS: '1' });
    expect((await upload.result()).partsSent).toBe(16);
  });
});

describe('a cap for one process', () => {
  it('limits all concurrent parts together, and an upload can be cancelled during a part', async () => {
    const allowed = allowance(PIECE_BYTES + 0.05 * CAP);
    await worker({ MAX_BYTES_PER_SECOND: String(CAP) });
    const upload = await world().uploads.add({ source: await source('middle.mp4', 8 * MIB) });
    await expect.poll(() => received).toBeGreaterThan(0);
    expect(received).toBeLessThanOrEqual(allowed());
    expect(await world().uploads.cancel(upload.id)).toBe(true);
    await expect(upload.result()).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(received).toBeLessThanOrEqual(allowed());
  });
});
