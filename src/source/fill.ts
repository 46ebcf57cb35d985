import { read } from 'node:fs';
import { promisify } from 'node:util';

const readAt = promisify(read);

/** Fills `target` with the bytes from `offset` on. @returns how many: fewer than it takes when the file ends early */
export async function fill(target: Uint8Array, fd: number, offset: number): Promise<number> {
  let filled = 0;
  while (filled < target.length) {
    const { bytesRead } = await readAt(fd, target, filled, target.length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}
