import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import type { ControlClient } from '../../src/emulator/control/client.ts';
import { writeRandomFile } from './files.ts';
import type { World } from './world.ts';

const MIB = 1048576;

/** Speed of a network, and the size of the file to upload over it. */
export interface SlowLine {
  readonly bitsPerSecond: number;
  readonly mebibytes: number;
}

/** An emulator behind that network. */
export interface FarVod {
  readonly endpoint: string;
  readonly control: Pick<ControlClient, 'stats'>;
  /** Bytes sent over the network; absent if not counted. */
  readonly sentBytes?: () => number;
}

/** Uploads a file with a worker's default settings, and expects each part to be sent about once. */
export async function uploadOver(world: World, line: SlowLine, vod: FarVod): Promise<void> {
  const { bitsPerSecond, mebibytes } = line;
  const bytesPerSecond = bitsPerSecond / 8;
  const worker = await world.worker({ VOD_ENDPOINT: vod.endpoint, VOD_EVENT_ENDPOINT: vod.endpoint }).ready();
  onTestFinished(async () => void (await worker.end()));
  const source = join(world.sources, `${bitsPerSecond}.mp4`);
  await writeRandomFile(source, mebibytes * MIB, bitsPerSecond);
  const before = vod.sentBytes?.();
  const started = await world.uploads.add({ source });
  const { url, durationMs } = await started.result();
  const sent = vod.sentBytes?.();
  const times =
    sent === undefined || before === undefined ? '' : ((sent - before) / (mebibytes * MIB)).toFixed(2);
  const { requests, parts } = await vod.control.stats();
  const failed = worker.lines.filter(({ msg }) => msg === 'attempt failed');
  process.stdout.write(
    `${bitsPerSecond / 1_000_000} Mbit/s: ${mebibytes} MiB in ${Math.round(durationMs / 1000)} s, ` +
      `${Math.round((mebibytes * MIB) / bytesPerSecond)} s at least; ${requests.UploadPart.total} requests ` +
      `for ${mebibytes} parts, ${failed.length} failed; ${times && `${times} times the file sent; `}` +
      `${await worker.metric('vod_part_slots')} slots at the end\n`,
  );
  for (const { reason, next } of failed) process.stdout.write(`  ${next}: ${reason}\n`);
  const stored = Buffer.from(await (await fetch(url ?? '')).arrayBuffer());
  expect(stored.equals(await readFile(source))).toBe(true);
  expect(worker.lines.filter(({ msg }) => msg?.startsWith('vod does not answer'))).toEqual([]);
  expect(parts.accepted).toBe(mebibytes);
  expect(requests.UploadPart.total).toBeLessThanOrEqual(1.25 * mebibytes);
}
