import { expect } from 'vitest';
import type { Upload } from '../../src/index.ts';
import type { LogLine } from './process.ts';
import { withQueue } from './seed.ts';
import type { WorkerProcess, World } from './world.ts';

export const saysLocalHold = ({ msg }: LogLine): boolean =>
  String(msg).startsWith('vod answers others, and not this worker');
export const saysQueuesHeld = ({ msg }: LogLine): boolean =>
  String(msg).endsWith('queues are held and probed');
export const ofUploads = ({ stages }: LogLine): boolean => String(stages) === 'init,part,finish';

/** What a worker's /readyz answers. */
export async function readiness(worker: WorkerProcess): Promise<{ status: number; text: string }> {
  const { statusUrl } = await worker.line(({ msg }) => msg === 'worker is ready');
  const response = await fetch(`${statusUrl}/readyz`);
  return { status: response.status, text: await response.text() };
}

/** Once a process has taken itself out it does not hold the others. */
export function expectNoHoldSince(own: LogLine, ...workers: readonly WorkerProcess[]): void {
  const held = workers.flatMap(({ lines }) => lines.filter(saysQueuesHeld));
  expect(held.filter((line) => ofUploads(line) && String(line.time) > String(own.time))).toEqual([]);
}

export async function holdIn(world: World): Promise<string | null> {
  return await withQueue(world, (redis, key) => redis.get(key('vod-hold')));
}

/** How uploads ended, once all have. */
export async function outcomes(uploads: readonly Upload[]): Promise<string[]> {
  return (await Promise.all(uploads.map((upload) => upload.result()))).map(({ outcome }) => outcome);
}
