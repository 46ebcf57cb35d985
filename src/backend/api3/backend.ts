import type { Api3Client } from '../../vod/api3/client.ts';
import type { CosClient } from '../../vod/cos/client.ts';
import type { BegunUpload, ListedPart, PartToSend, PieceDigest, UploadBackend } from '../backend.ts';
import { begin } from './begin.ts';
import { type Api3Context, Buckets, openSession } from './context.ts';
import { isRefused, passingError } from './errors.ts';
import { finish } from './finish.ts';
import { crc64OfPieces, partChecksum } from './part-checksum.ts';
import { objectSizeProblem } from './part-size.ts';
import { type Api3Session, SessionSeal } from './session.ts';
import { SessionLife } from './session-life.ts';

export interface Api3BackendOptions {
  readonly api: Api3Client;
  readonly cos: CosClient;
  /** The account's, with which sessions are encrypted. */
  readonly secretKey: () => Promise<string>;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number;
}

/** Uploads by ApplyUpload, object storage (COS) and CommitUpload. */
export function createApi3Backend({
  api,
  cos,
  secretKey,
  clock = Date.now,
}: Api3BackendOptions): UploadBackend {
  const context: Api3Context = {
    ...{ api, cos, clock, seal: new SessionSeal(secretKey), buckets: new Buckets(cos) },
    life: new SessionLife(() => cos.serviceTimeMs() ?? api.serviceTimeMs()),
  };
  return {
    quotaActions: { init: 'ApplyUpload', finish: 'CommitUpload' },
    checkAction: 'CommitUpload',
    needsSha1: false,
    knowsContents: false,
    partDigest: 'crc64',
    sizeProblem: objectSizeProblem,
    begin: (request, memo, signal) => begin(context, request, memo, signal),
    sendPart: (part, signal) => sendPart(context, part, signal),
    checksumOf: ({ upload, ...part }) => sameChecksum(context, upload, part),
    finish: (upload, checksum, memo, signal) => finish(context, upload, checksum, memo, signal),
    // Its job is repeated after a lost reply: it knows what it has done.
    failedFinish: ({ kind }) => (kind === 'permanent' ? 'refused' : undefined),
    abandon: (upload, signal) => abandon(context, upload, signal),
    async checkKey(signal) {
      const code = await api.checkKey(signal);
      await context.buckets.probe(signal);
      return code;
    },
    close() {
      api.close();
      cos.close();
    },
  };
}

async function sendPart(
  context: Api3Context,
  { upload, offset, body }: PartToSend,
  signal: AbortSignal,
): Promise<string> {
  const { cos, life, buckets } = context;
  const session = await openSession(context, upload, 'UploadPart');
  const { byteLength, whole } = body;
  life.checkTimeFor(session, byteLength);
  const pieces: PieceDigest[] = whole === undefined ? [] : [{ byteLength, digest: whole.digest }];
  const content = whole?.bytes ?? {
    byteLength,
    pieces: (signal: AbortSignal) => body.pieces(signal, (piece) => pieces.push(piece)),
  };
  const number = offset / session.partSize + 1;
  const { multipartId } = session;
  const startedAt = performance.now();
  const stored = await buckets.run(session, (object) =>
    multipartId === undefined
      ? cos.putObject(object, { body: content }, signal)
      : cos.uploadPart(object, { uploadId: multipartId, partNumber: number, body: content }, signal),
  );
  life.sent(byteLength, performance.now() - startedAt);
  const crc64 = crc64OfPieces(pieces);
  if (stored.crc64 !== undefined && stored.crc64 !== crc64) {
    const reason = `COS has other bytes than part ${number}: its CRC-64 differs`;
    throw passingError('UploadPart', 'CRC64_DIFFERS', reason);
  }
  return checksumOf(session, { crc64, offset, byteLength, etag: stored.etag });
}

async function sameChecksum(
  context: Api3Context,
  upload: BegunUpload,
  { offset, md5, pieces }: Omit<ListedPart, 'upload'>,
): Promise<string> {
  const session = await openSession(context, upload, 'UploadPart');
  const byteLength = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  return checksumOf(session, { crc64: crc64OfPieces(pieces), offset, byteLength, etag: md5 });
}

function checksumOf(
  { fileSize, partSize, multipartId }: Api3Session,
  part: {
    readonly crc64: bigint;
    readonly offset: number;
    readonly byteLength: number;
    readonly etag: string;
  },
): string {
  const { crc64, offset, byteLength, etag } = part;
  return partChecksum({
    ...{ crc64, bytesAfter: fileSize - offset - byteLength, number: offset / partSize + 1 },
    etag: multipartId === undefined ? undefined : etag,
  });
}

/** Without the right to it, or with expired credentials, COS keeps the parts until it deletes them itself. */
async function abandon(context: Api3Context, upload: BegunUpload, signal: AbortSignal): Promise<void> {
  const session = await context.seal.open(upload.uploadId, upload.session);
  const { multipartId } = session ?? {};
  if (session === undefined || multipartId === undefined) return;
  try {
    await context.buckets.run(session, (object) => context.cos.abort(object, multipartId, signal));
  } catch (error) {
    if (!isRefused(error)) throw error;
  }
}
