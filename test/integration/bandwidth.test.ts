import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { useWorld } from '../support/use-world.ts';

const MIB = 1048576;

const { world, source } = useWorld();

interface Arrival {
  /** From some moment on, in ms. */
  readonly atMs: number;
  readonly bytes: number;
}

let sink: Server;
/** Bytes of parts, as they came. */
const arrivals: Arrival[] = [];
const received = (): number => arrivals.reduce((sum, { bytes }) => sum + bytes, 0);

/** A VOD that takes everything. */
beforeAll(async () => {
  const done = { code: 0, message: '', fileId: '14508071098244929440', url: 'http://127.0.0.1/video.mp4' };
  sink = createServer((request, response) => {
    request.on('data', (data: Buffer) => arrivals.push({ atMs: performance.now(), bytes: data.length }));
    request.on('end', () => response.end(JSON.stringify(done)));
  });
  await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
});
beforeEach(() => {
  arrivals.length = 0;
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

/** The most that came in any window, beyond what the cap lets through in its time. */
function mostBeyond(bytesPerSecond: number): number {
  let most = 0;
  for (const [from, { atMs: startMs }] of arrivals.entries()) {
    let sum = 0;
    for (const { atMs, bytes } of arrivals.slice(from)) {
      sum += bytes;
      most = Math.max(most, sum - ((atMs - startMs) * bytesPerSecond) / 1000);
    }
  }
  return most;
}

describe('a cap on all replicas together', () => {
  it('holds whatever the number of workers, and is used', async () => {
    const cap = MIB;
    const env = { MAX_BYTES_PER_SECOND_TOTAL: String(cap) };
    await Promise.all([worker(env), worker(env)]);
    const upload = await world().uploads.add({ source: await source('total.mp4', 10 * MIB) });
    await upload.result();
    expect(received()).toBe(10 * MIB);
    // A part comes as fast as the line takes it; a busy machine may bring those of seconds together.
    expect(mostBeyond(cap)).toBeLessThan(MIB + 3 * cap);
    const spanMs = (arrivals.at(-1)?.atMs ?? 0) - (arrivals[0]?.atMs ?? 0);
    expect(spanMs).toBeGreaterThan(6000);
  });

  it('lets an upload be cancelled while its parts wait', async () => {
    await worker({ MAX_BYTES_PER_SECOND_TOTAL: '65536' });
    const upload = await world().uploads.add({ source: await source('waits.mp4', 20 * MIB) });
    await expect.poll(received).toBe(MIB);
    expect(await world().uploads.cancel(upload.id)).toBe(true);
    await expect(upload.result()).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(received()).toBe(MIB);
  });

  it('hands waiting parts back at a shutdown, with no attempt spent', async () => {
    const slow = await worker({
      MAX_BYTES_PER_SECOND_TOTAL: '65536',
      SHUTDOWN_TIMEOUT_MS: '0',
      PART_ATTEMPTS: '1',
    });
    const upload = await world().uploads.add({ source: await source('back.mp4', 6 * MIB) });
    await expect.poll(received).toBe(MIB);
    await slow.end('SIGTERM');
    // One attempt is all that a part has; there is no cap any more.
    await worker({});
    expect((await upload.result()).partsSent).toBe(6);
  });
});

describe('a cap on one process', () => {
  it('is kept within a part, too, and used', async () => {
    const cap = MIB;
    await worker({ MAX_BYTES_PER_SECOND: String(cap) });
    const upload = await world().uploads.add({ source: await source('process.mp4', 8 * MIB) });
    await upload.result();
    expect(received()).toBe(8 * MIB);
    expect(mostBeyond(cap)).toBeLessThan(3 * cap);
  });

  it('lets an upload be cancelled in the middle of a part', async () => {
    await worker({ MAX_BYTES_PER_SECOND: '65536' });
    const upload = await world().uploads.add({ source: await source('middle.mp4', 4 * MIB) });
    await expect.poll(received).toBeGreaterThan(0);
    expect(await world().uploads.cancel(upload.id)).toBe(true);
    await expect(upload.result()).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(received()).toBeLessThan(MIB);
  });
});
