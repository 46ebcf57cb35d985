import { readFile } from 'node:fs/promises';
import { expect, onTestFinished } from 'vitest';
import { defined } from '../../src/base/defined.ts';
import { type RedisLocation, type UploadResult, VodUploads } from '../../src/index.ts';
import type { WorldOfTests } from './use-world.ts';
import type { World } from './world.ts';

/** Opens a producer for another Redis than the world's; closed after the test. */
export function startProducer(world: World, connection: RedisLocation, ca?: string): VodUploads {
  const uploads = new VodUploads({ connection, prefix: world.prefix, ...defined({ ca }) });
  onTestFinished(() => uploads.close());
  return uploads;
}

/** Expects that each file was sent, and stored exactly once with identical bytes. */
export async function expectStoredOnce(
  { download, stats }: Pick<WorldOfTests, 'download' | 'stats'>,
  results: readonly UploadResult[],
  paths: readonly string[],
): Promise<void> {
  for (const [index, { outcome, url, fileId }] of results.entries()) {
    expect(outcome).toBe('completed');
    expect((await download(url)).equals(await readFile(paths[index] as string))).toBe(true);
    expect(stats().files.filter((file) => file.fileId === fileId)).toMatchObject([{ finishes: 1 }]);
  }
}
