import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ControlClient } from '../../src/emulator/control-client.ts';
import { emulatorBehind } from '../support/far-emulator.ts';
import { writeRandomFile } from '../support/files.ts';
import { canMakeNetworks } from '../support/network.ts';
import { startProxy } from '../support/proxy.ts';
import { World } from '../support/world.ts';

const MIB = 1048576;

const hasNetworks = canMakeNetworks();

let world: World;

beforeAll(async () => {
  world = await World.create();
});
afterAll(() => world.close());

/** A VOD behind a line. */
interface FarVod {
  readonly endpoint: string;
  readonly control: Pick<ControlClient, 'stats'>;
  /** What has been sent over the line; absent where nobody counts that. */
  readonly sentBytes?: () => number;
}

async function behindProxy(bytesPerSecond: number): Promise<FarVod> {
  const proxy = await startProxy(Number(new URL(world.emulator.url).port));
  onTestFinished(() => proxy.close());
  proxy.slow(bytesPerSecond);
  world.emulator.control.resetStats();
  return {
    endpoint: world.emulator.url.replace(/:\d+\//, `:${proxy.port}/`),
    control: { stats: async () => world.emulator.control.stats() },
  };
}

describe.each([
  ['0.25 Mbit/s', 250_000, 6],
  ['1 Mbit/s', 1_000_000, 12],
  ['8 Mbit/s', 8_000_000, 40],
] as const)('a line of %s', (name, bitsPerSecond, mebibytes) => {
  const bytesPerSecond = bitsPerSecond / 8;

  /** With all that a worker does by default. */
  async function upload(vod: FarVod, way: string): Promise<void> {
    const worker = await world
      .worker({ VOD_ENDPOINT: vod.endpoint, VOD_EVENT_ENDPOINT: vod.endpoint })
      .ready();
    onTestFinished(async () => void (await worker.end()));
    const source = join(world.sources, `${bitsPerSecond}-${way}.mp4`);
    await writeRandomFile(source, mebibytes * MIB, bitsPerSecond + way.length);
    const before = vod.sentBytes?.();
    const started = await world.uploads.add({ source });
    const { url, durationMs } = await started.result();
    const sent = vod.sentBytes?.();
    const times =
      sent === undefined || before === undefined ? '' : ((sent - before) / (mebibytes * MIB)).toFixed(2);
    const { requests, parts } = await vod.control.stats();
    const failed = worker.lines.filter(({ msg }) => msg === 'attempt failed');
    process.stdout.write(
      `${name} (${way}): ${mebibytes} MiB in ${Math.round(durationMs / 1000)} s, ` +
        `${Math.round((mebibytes * MIB) / bytesPerSecond)} s at best; ${requests.UploadPart.total} requests ` +
        `for ${mebibytes} parts, ${failed.length} failed; ${times && `${times} times the file sent; `}` +
        `${await worker.metric('vod_part_slots')} slots at the end\n`,
    );
    for (const { reason, next } of failed) process.stdout.write(`  ${next}: ${reason}\n`);
    const stored = Buffer.from(await (await fetch(url)).arrayBuffer());
    expect(stored.equals(await readFile(source))).toBe(true);
    expect(worker.lines.filter(({ msg }) => msg?.startsWith('vod is out'))).toEqual([]);
    expect(parts.accepted).toBe(mebibytes);
    expect(requests.UploadPart.total).toBeLessThanOrEqual(1.25 * mebibytes);
  }

  it.skipIf(!hasNetworks)('brings each part about once, over a network', async () => {
    const line = `tbf rate ${bitsPerSecond}bit burst 8kb limit 64kb`;
    await upload(await emulatorBehind(line, join(world.sources, '..')), 'network');
  });

  // The slowest takes minutes, and one line is like another to it.
  it.skipIf(hasNetworks && bitsPerSecond !== 1_000_000)(
    'brings each part about once, through a proxy that holds much of it',
    async () => {
      await upload(await behindProxy(bytesPerSecond), 'proxy');
    },
  );
});
