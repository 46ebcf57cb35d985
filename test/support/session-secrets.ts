import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { World } from './world.ts';

/** The secrets of all sessions that the emulator of a world has begun. */
export async function sessionSecrets({ sources }: Pick<World, 'sources'>): Promise<string[]> {
  return await secretsOfSessions(join(dirname(sources), 'vod'));
}

/** @param dataDir of an emulator */
export async function secretsOfSessions(dataDir: string): Promise<string[]> {
  // There is no file before the first session.
  const journal = await readFile(join(dataDir, 'vod-sessions'), 'utf8').catch(() => '');
  const lines = journal.split('\n').filter((line) => line !== '');
  return lines.flatMap((line) => {
    const { session } = JSON.parse(line);
    const { secretId, secretKey, token } = session.credentials;
    return [session.key, secretId, secretKey, token];
  });
}
