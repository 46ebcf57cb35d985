import { mkdirSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { HangingDisk } from './hanging-disk.ts';

/** Creates a directory whose file calls can hang, for one test. */
export function useHangingDisk(directory: string): HangingDisk {
  mkdirSync(directory);
  const disk = new HangingDisk(directory);
  onTestFinished(() => disk.close());
  return disk;
}
