import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import type { HangingDisk } from '../../support/hanging-disk.ts';
import { useHangingDisk } from '../../support/use-hanging-disk.ts';
import { tempDir } from './temp-dir.ts';

/** A disk that can hang, for threads that this process starts from now on. */
export function deadDisk(): HangingDisk {
  const dead = useHangingDisk(join(tempDir(), 'dead'));
  const { NODE_OPTIONS } = process.env;
  Object.assign(process.env, dead.env);
  onTestFinished(() => {
    if (NODE_OPTIONS === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = NODE_OPTIONS;
    delete process.env.HANGING_DISK;
  });
  return dead;
}

/** Fakes the timers of deadlines. */
export function holdTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
}

/** Lets the deadline of running operations pass: a second, and the rest of the minute. */
export function passDeadline(): void {
  vi.advanceTimersByTime(1000);
  vi.advanceTimersByTime(59_000);
}
