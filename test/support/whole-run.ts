/** For programs that start many processes and write large files: everything is removed at their end. */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';

/** Makes signals call process.exit, whose `exit` listeners end the started processes. */
export function exitOnSignals(): void {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(name, () => process.exit(128 + constants.signals[name]));
}

const directories: string[] = [];

/** Creates a directory that is deleted at the latest when this process exits. */
export async function runDirectory(prefix: string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), prefix));
  if (directories.push(dir) === 1) process.once('exit', removeDirectories);
  return dir;
}

function removeDirectories(): void {
  for (const dir of directories) rmSync(dir, { recursive: true, force: true });
}
