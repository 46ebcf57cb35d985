import { createHash } from 'node:crypto';
import type { StoredBytes } from '../../vod/cos/parse.ts';
import type { ListedPart, PartBody, PartToSend, PieceDigest } from '../backend.ts';
import { type Api3Context, openSession } from './context.ts';
import { passingError } from './errors.ts';
import { crc64OfPieces, partChecksum } from './part-checksum.ts';
import type { Api3Session } from './session.ts';

/** A part whose bytes were read. */
interface PartRead {
  readonly offset: number;
  readonly byteLength: number;
  readonly crc64: bigint;
}

/** Sends parts to COS, and checks that it has the bytes that were read. */
export class PartSender {
  readonly #context: Api3Context;
  /** Whether COS's replies have the CRC-64 of what it stored. If not, the MD5 of each part is compared with its ETag. */
  #repliesHaveCrc64 = true;

  constructor(context: Api3Context) {
    this.#context = context;
  }

  /** @returns the checksum of the part */
  async send({ upload, offset, body }: PartToSend, signal: AbortSignal): Promise<string> {
    const { cos, life, buckets } = this.#context;
    const session = await openSession(this.#context, upload, 'UploadPart');
    const { byteLength } = body;
    life.checkTimeFor(session, byteLength);
    const reading = new PartReading(body, !this.#repliesHaveCrc64);
    const content = { body: reading.content };
    const { multipartId } = session;
    const partNumber = numberOf(session, offset);
    const startedAt = performance.now();
    const stored = await buckets.run(session, (object) =>
      multipartId === undefined
        ? cos.putObject(object, content, signal)
        : cos.uploadPart(object, { ...content, uploadId: multipartId, partNumber }, signal),
    );
    life.sent(byteLength, performance.now() - startedAt);
    const { crc64, md5 } = reading;
    this.#check(partNumber, { crc64, md5 }, stored);
    return checksum(session, { offset, byteLength, crc64 }, stored.etag);
  }

  /** The checksum of a part that COS has, whose ETag is the MD5 of the file's bytes. */
  async checksumOf({ upload, offset, md5, pieces }: ListedPart): Promise<string> {
    const session = await openSession(this.#context, upload, 'UploadPart');
    const byteLength = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
    return checksum(session, { offset, byteLength, crc64: crc64OfPieces(pieces) }, md5);
  }

  #check(
    partNumber: number,
    read: { readonly crc64: bigint; readonly md5: string | undefined },
    stored: StoredBytes,
  ): void {
    const differs = (what: string): Error =>
      passingError('UploadPart', 'PART_DIFFERS', `COS has other bytes than part ${partNumber}: ${what}`);
    if (stored.crc64 !== undefined) {
      if (stored.crc64 !== read.crc64) throw differs('its CRC-64 differs');
    } else if (read.md5 === undefined) {
      this.#repliesHaveCrc64 = false;
      throw differs('unknown, because the reply has no CRC-64; it is sent again and checked by its MD5');
    } else if (/^[0-9a-f]{32}$/.test(stored.etag) && stored.etag !== read.md5) {
      // The ETag of an object that COS encrypts is no MD5.
      throw differs('its MD5 differs');
    }
  }
}

/** Reads a part while it is sent. */
class PartReading {
  readonly content:
    | Uint8Array
    | { byteLength: number; pieces(signal: AbortSignal): AsyncIterable<Uint8Array> };
  readonly #pieces: PieceDigest[] = [];
  readonly #md5 = createHash('md5');
  readonly #hasMd5: boolean;

  constructor({ whole, byteLength, pieces }: PartBody, hasMd5: boolean) {
    this.#hasMd5 = hasMd5;
    const add = (piece: PieceDigest): void => void this.#pieces.push(piece);
    const addMd5 = (bytes: Uint8Array): void => {
      if (hasMd5) this.#md5.update(bytes);
    };
    if (whole !== undefined) {
      add({ byteLength, digest: whole.digest });
      addMd5(whole.bytes);
      this.content = whole.bytes;
      return;
    }
    this.content = {
      byteLength,
      async *pieces(signal) {
        for await (const piece of pieces(signal, add)) {
          addMd5(piece);
          yield piece;
        }
      },
    };
  }

  /** Once all bytes are read. */
  get crc64(): bigint {
    return crc64OfPieces(this.#pieces);
  }

  /** Lower-case hex, once all bytes are read; to be read once. */
  get md5(): string | undefined {
    return this.#hasMd5 ? this.#md5.digest('hex') : undefined;
  }
}

function checksum(session: Api3Session, { offset, byteLength, crc64 }: PartRead, etag: string): string {
  return partChecksum({
    ...{ crc64, number: numberOf(session, offset) },
    bytesAfter: session.fileSize - offset - byteLength,
    etag: session.multipartId === undefined ? undefined : etag,
  });
}

/** COS numbers parts from 1. */
function numberOf({ partSize }: Api3Session, offset: number): number {
  return offset / partSize + 1;
}
