import { expect } from 'vitest';
import type { Upload } from '../../src/index.ts';
import type { LogLine } from './process.ts';
import { withQueue } from './seed.ts';
import type { WorkerProcess, World } from './world.ts';

export const isLocalHold = ({ msg }: LogLine): boolean =>
  String(msg).startsWith('vod answers others, and not this worker');
export const isQueuesHeld = ({ msg }: LogLine): boolean => String(msg).endsWith('queues are held and probed');
export const hasUploadStages = ({ stages }: LogLine): boolean => String(stages) === 'init,part,finish';

/** The response of a worker's /readyz. */
export async function readiness(worker: WorkerProcess): Promise<{ status: number; text: string }> {
  const { statusUrl } = await worker.line(({ msg }) => msg === 'worker is ready');
  const response = await fetch(`${statusUrl}/readyz`);
  return { status: response.status, text: await response.text() };
}

/** Expects that no worker has held the queues since the log line `own`. */
export function expectNoHoldSince(own: LogLine, ...workers: readonly WorkerProcess[]): void {
  const held = workers.flatMap(({ lines }) => lines.filter(isQueuesHeld));
  expect(held.filter((line) => hasUploadStages(line) && String(line.time) > String(own.time))).toEqual([]);
}

export async function holdIn(world: World): Promise<string | null> {
  return await withQueue(world, (redis, key) => redis.get(key('vod-hold')));
}

/** The outcomes of all uploads. Rejects when one fails. */
export async function outcomes(uploads: readonly Upload[]): Promise<string[]> {
  return (await Promise.all(uploads.map((upload) => upload.result()))).map(({ outcome }) => outcome);
}
