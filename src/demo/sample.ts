import { createCipheriv } from 'node:crypto';
import { writeFile } from 'node:fs/promises';

/** Not a multiple of the part size, so that the last part is shorter. */
export const SAMPLE_BYTES = 24 * 1024 * 1024 - 12_345;

/**
 * Writes an MP4 container with random bytes as video. Players can't show it, but VOD and its emulator accept it. The same
 * size always gives the same bytes.
 */
export async function writeSample(path: string, bytes: number): Promise<void> {
  await writeFile(path, sampleOf(bytes, Buffer.alloc(16, 'vod')));
}

/**
 * The content of such a file.
 * @param seed 16 bytes; the same ones always give the same content
 */
export function sampleOf(bytes: number, seed: Buffer): Buffer {
  const kind = box(
    'ftyp',
    Buffer.concat([Buffer.from('isom'), Buffer.from([0, 0, 2, 0]), Buffer.from('isomiso2mp41')]),
  );
  const noise = createCipheriv('aes-128-ctr', seed, Buffer.alloc(16)).update(
    Buffer.alloc(bytes - kind.length - 8),
  );
  return Buffer.concat([kind, box('mdat', noise)]);
}

function box(type: string, content: Buffer): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(8 + content.length, 0);
  header.write(type, 4, 'latin1');
  return Buffer.concat([header, content]);
}
