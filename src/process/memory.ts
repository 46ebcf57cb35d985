import { totalmem } from 'node:os';

/** Bytes of memory that this process may use: its control group's limit, or the memory of the machine. */
export function memoryLimitBytes(): number {
  // 0 or a huge number without a limit, depending on the control group.
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}
