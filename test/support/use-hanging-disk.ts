import { mkdirSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { HangingDisk } from './hanging-disk.ts';

/** A new directory on a disk that can hang, for one test. */
export function useHangingDisk(directory: string): HangingDisk {
  mkdirSync(directory);
  const disk = new HangingDisk(directory);
  onTestFinished(() => disk.close());
  return disk;
}
