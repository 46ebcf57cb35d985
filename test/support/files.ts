import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { finished } from 'node:stream/promises';

/** Writes a file of `size` pseudo-random bytes, which depend only on the seed. */
export async function writeRandomFile(path: string, size: number, seed: number): Promise<string> {
  const file = await open(path, 'w');
  try {
    let state = (seed * 2654435761 + 1) >>> 0;
    const block = Buffer.allocUnsafe(1 << 20);
    for (let offset = 0; offset < size; offset += block.length) {
      for (let at = 0; at < block.length; at += 4) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        block.writeInt32LE(state | 0, at);
      }
      await file.write(block, 0, Math.min(block.length, size - offset), offset);
    }
  } finally {
    await file.close();
  }
  return path;
}

/** Writes a sparse file of zeros that starts with its name, so that files with different names differ. */
export async function writeSparseFile(path: string, size: number): Promise<string> {
  const file = await open(path, 'w');
  await file.truncate(size);
  await file.write(basename(path), 0);
  await file.close();
  return path;
}

/** SHA-1 of a file. */
export async function sha1Of(path: string): Promise<string> {
  const hash = createHash('sha1');
  const stream = createReadStream(path);
  stream.on('data', (bytes) => hash.update(bytes));
  await finished(stream);
  return hash.digest('hex');
}
