import { readFile } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { DEFAULT_TIMEOUTS } from '../../src/vod/http/timeouts.ts';
import { transportError } from '../../src/vod/wire/classify.ts';
import { startProxy } from '../support/proxy.ts';
import { useWorld } from '../support/use-world.ts';
import { runStages } from '../support/worker-stages.ts';

const PART_SIZE = 524288;

const { world, source, stats, download } = useWorld();

describe('a line on which all parts at a time take longer than one alone may', () => {
  it('brings each of them once, and VOD is not out', async () => {
    const proxy = await startProxy(Number(new URL(world().emulator.url).port));
    onTestFinished(() => proxy.close());
    // As 1 Mbit/s is to parts of 1 MiB and the usual time-outs: half the size in an eighth of the time.
    proxy.slow((1_000_000 / 8) * 4);
    const { stallMs, responseMs, usualBytesPerSecond, minBytesPerSecond } = DEFAULT_TIMEOUTS;
    const worker = await runStages(world(), {
      // What is spent fails its upload.
      env: { PART_ATTEMPTS: '1' },
      client: {
        endpoint: world().emulator.url.replace(/:\d+\//, `:${proxy.port}/`),
        timeouts: {
          ...{ stallMs: stallMs / 8, responseMs: responseMs / 8 },
          ...{ usualBytesPerSecond: 4 * usualBytesPerSecond, minBytesPerSecond: 4 * minBytesPerSecond },
        },
      },
    });
    const path = await source('slow.mp4', 16 * PART_SIZE);
    const upload = await world().uploads.add({ source: path, partSize: PART_SIZE });
    const { url } = await upload.result();
    expect((await download(url)).equals(await readFile(path))).toBe(true);
    expect(worker.holds).toEqual([]);
    expect(stats().requests.UploadPart.total).toBe(16);
    expect(stats().parts).toMatchObject({ accepted: 16, duplicates: 0 });
  });
});

describe('parts that time out while the line moves', () => {
  const tooMuch = () =>
    transportError('UploadPart', { code: 'TIMEOUT', outcomeUnknown: true, congested: true });

  it('are sent fewer at a time, are no outage, and spend no attempt', async () => {
    const failures = new Map<number, number>();
    const worker = await runStages(world(), {
      env: { PART_ATTEMPTS: '1', PART_CONCURRENCY: '1-8' },
      wrapClient: (client) => ({
        ...client,
        async uploadPart(part, signal) {
          // As long as several go at a time.
          const before = failures.get(part.offset) ?? 0;
          if ((await slots()) <= 1 || before >= 8) return await client.uploadPart(part, signal);
          failures.set(part.offset, before + 1);
          throw tooMuch();
        },
      }),
    });
    const slots = async (): Promise<number> => (await worker.metrics.partSlots.get()).values[0]?.value ?? 0;
    expect(await slots()).toBe(8);
    const upload = await world().uploads.add({
      source: await source('strained.mp4', 10 * PART_SIZE),
      partSize: PART_SIZE,
    });
    await upload.result();
    expect(await upload.status()).toMatchObject({ state: 'completed', attempt: 1 });
    expect(failures.size).toBeGreaterThan(0);
    expect(await slots()).toBe(1);
    expect(worker.holds).toEqual([]);
    const failed = worker.lines.filter(({ msg }) => msg === 'attempt failed');
    expect(new Set(failed.map(({ next }) => next))).toEqual(new Set(['strained']));
  });

  it('spend attempts when no fewer can go at a time: the line is too slow, or the part in trouble', async () => {
    const worker = await runStages(world(), {
      env: { PART_ATTEMPTS: '2', PART_CONCURRENCY: '4' },
      wrapClient: (client) => ({
        ...client,
        async uploadPart(part, signal) {
          if (part.offset === 0) throw tooMuch();
          await client.uploadPart(part, signal);
        },
      }),
    });
    const upload = await world().uploads.add({ source: await source('fixed.mp4', 16 * PART_SIZE) });
    await expect(upload.result()).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining('PART_CONCURRENCY'),
      retryable: true,
    });
    expect(worker.holds).toEqual([]);
  });
});
