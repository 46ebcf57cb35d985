import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createApi3Backend } from '../../../../src/backend/api3/backend.ts';
import type { Begun, Memo, PartBody, UploadBackend } from '../../../../src/backend/backend.ts';
import { createCrc64 } from '../../../../src/base/crc64.ts';
import { type EmulatorOptions, startEmulator } from '../../../../src/emulator/server.ts';
import { combineChecksums } from '../../../../src/upload/checksum.ts';
import { createApi3Client } from '../../../../src/vod/api3/client.ts';
import { createCosClient } from '../../../../src/vod/cos/client.ts';

export const MIB = 2 ** 20;
export const SECRET_KEY = 'plantedSecretKey0fTheAccount';
export const signal = new AbortController().signal;

const credentials = { secretId: 'AKIDaccount', secretKey: SECRET_KEY };

/** A backend that sends to an emulator of its own. */
export async function setUp(options: Partial<EmulatorOptions> = {}) {
  const dataDir = await mkdtemp(join(tmpdir(), 'vod-backend-'));
  const emulator = await startEmulator({ dataDir, ...credentials, ...options });
  onTestFinished(async () => {
    await emulator.close();
    await rm(dataDir, { recursive: true });
  });
  const open = (secretKey = SECRET_KEY): UploadBackend => {
    const api = createApi3Client({ endpoint: emulator.api3Url, credentials });
    const cos = createCosClient({ endpoint: emulator.cosUrl });
    const backend = createApi3Backend({ api, cos, secretKey: async () => secretKey });
    onTestFinished(() => backend.close());
    return backend;
  };
  const { control } = emulator;
  const requests = (action: keyof ReturnType<typeof control.stats>['requests']): number =>
    control.stats().requests[action].total;
  return { backend: open(), open, control, requests };
}

/** What one job keeps; {@link MemoJob.restart} is its next start. */
export class MemoJob implements Memo {
  value: string | undefined;
  #saved: string | undefined;

  async save(value: string): Promise<void> {
    this.#saved = value;
  }

  restart(): this {
    this.value = this.#saved;
    return this;
  }
}

export const FILE = { uploadId: 'u1' } as const;

export function beginRequest(fileSize: number, partSize?: number) {
  const video = { name: 'film', type: 'mp4', ...(partSize !== undefined && { partSize }) };
  return { file: { ...FILE, fileSize }, video, expiredSessions: 0 };
}

/** The answer of `begin` that asks for parts. */
export type Send = Extract<Begun, { kind: 'send' }>;

export async function beginAnew(backend: UploadBackend, fileSize: number, partSize?: number): Promise<Send> {
  return (await backend.begin(beginRequest(fileSize, partSize), new MemoJob(), signal)) as Send;
}

/** The bytes of a file that depend on their position. */
export function fileBytes(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, index) => (index * 31 + (index >> 8) * 7) % 251);
}

async function crc64Hex(bytes: Uint8Array): Promise<string> {
  const crc64 = await createCrc64();
  crc64.update(bytes);
  return crc64.digest().toString(16).padStart(16, '0');
}

/** @param pieceBytes size of pieces; default: as a whole */
export async function bodyOf(bytes: Uint8Array, pieceBytes?: number): Promise<PartBody> {
  const pieces = Array.from({ length: Math.ceil(bytes.length / (pieceBytes ?? bytes.length)) }, (_, index) =>
    bytes.subarray(index * (pieceBytes ?? 0), pieceBytes && (index + 1) * pieceBytes),
  );
  const digests = await Promise.all(pieces.map(crc64Hex));
  return {
    byteLength: bytes.length,
    ...(pieceBytes === undefined && { whole: { bytes, digest: digests[0] ?? '' } }),
    async *pieces(_signal, onDigest) {
      for (const [index, piece] of pieces.entries()) {
        onDigest({ byteLength: piece.length, digest: digests[index] ?? '' });
        yield piece;
      }
    },
  };
}

/** Sends parts of a file. @returns their combined checksum */
export async function sendParts(
  backend: UploadBackend,
  { session = '', partSize }: Pick<Send, 'session' | 'partSize'>,
  bytes: Uint8Array,
  indices = [...Array(Math.ceil(bytes.length / partSize)).keys()],
): Promise<string | undefined> {
  const checksums: string[] = [];
  for (const index of indices) {
    const offset = index * partSize;
    const body = await bodyOf(
      bytes.subarray(offset, offset + partSize),
      index % 2 === 0 ? 300_000 : undefined,
    );
    const upload = { ...FILE, session };
    checksums.push((await backend.sendPart({ upload, offset, body }, signal)) ?? '');
  }
  return combineChecksums(checksums);
}
