import { execFileSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { tempDir } from '../source/temp-dir.ts';

/**
 * Keeps this process's pool of threads busy, which all its threads read files by: a read that begins from now on ends
 * only after the pool has been let go.
 */
export function holdPool(): { letGo(): Promise<void> } {
  const fifo = join(tempDir(), 'fifo');
  execFileSync('mkfifo', [fifo]);
  // Each takes one thread, until there is somebody who writes.
  const opening = Array.from({ length: Number(process.env.UV_THREADPOOL_SIZE ?? 4) }, () => open(fifo));
  let isHeld = true;
  const letGo = async (): Promise<void> => {
    if (!isHeld) return;
    isHeld = false;
    const writer = openSync(fifo, 'r+');
    await Promise.all(opening.map(async (handle) => (await handle).close()));
    closeSync(writer);
  };
  onTestFinished(letGo);
  return { letGo };
}
