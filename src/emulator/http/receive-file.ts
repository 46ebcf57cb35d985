/** Receives a body of any size into a file. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { createCRC64 } from 'hash-wasm';
import type { Sleep } from '../sleep.ts';
import type { ReceivedBody } from '../state/objects.ts';

export interface BodyLimit {
  /** Infinity: no limit. */
  readonly bytesPerSecond: number;
  readonly sleep: Sleep;
}

/** MD5 and CRC-64 of bytes. */
interface Checksums {
  update(bytes: Buffer): void;
  digest(): Pick<ReceivedBody, 'md5' | 'crc64'>;
}

export interface ReceivedFile {
  readonly stored: ReceivedBody;
  /** Of the bytes as they were sent, which differ from the stored ones if these were damaged. */
  readonly sent: Pick<ReceivedBody, 'md5' | 'crc64'>;
}

/**
 * @param isDamaged changes the first byte of the file
 * @throws when the client disconnects before the end; the file is deleted then.
 */
export async function receiveFile(
  request: IncomingMessage,
  file: string,
  isDamaged: boolean,
  signal: AbortSignal,
  { bytesPerSecond, sleep }: BodyLimit,
): Promise<ReceivedFile> {
  const sent = await checksums();
  const changed = isDamaged ? await checksums() : undefined;
  let bytes = 0;
  const hashed = async function* (): AsyncGenerator<Buffer> {
    for await (const received of request as AsyncIterable<Buffer>) {
      sent.update(received);
      const kept = isDamaged && bytes === 0 ? withOtherFirstByte(received) : received;
      changed?.update(kept);
      bytes += received.length;
      yield kept;
      const ms = (received.length / bytesPerSecond) * 1000;
      if (ms > 0) await sleep(ms, signal);
    }
  };
  try {
    await pipeline(hashed, fs.createWriteStream(file, { highWaterMark: 1024 * 1024 }), { signal });
  } catch (error) {
    fs.rmSync(file, { force: true });
    throw error;
  }
  const sums = sent.digest();
  return { sent: sums, stored: { file, bytes, ...(changed?.digest() ?? sums) } };
}

async function checksums(): Promise<Checksums> {
  const md5 = createHash('md5');
  const crc64 = (await createCRC64()).init();
  return {
    update(bytes) {
      md5.update(bytes);
      crc64.update(bytes);
    },
    digest: () => ({ md5: md5.digest('hex'), crc64: BigInt(`0x${crc64.digest('hex')}`) }),
  };
}

function withOtherFirstByte(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(0) ^ 0xff, 0);
  return copy;
}
