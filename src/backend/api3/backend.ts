import type { Api3Client } from '../../vod/api3/client.ts';
import type { CosClient } from '../../vod/cos/client.ts';
import type { BegunUpload, UploadBackend } from '../backend.ts';
import { begin } from './begin.ts';
import { type Api3Context, Buckets } from './context.ts';
import { isRefused, isSessionOver } from './errors.ts';
import { finish } from './finish.ts';
import { PartSender } from './part-sender.ts';
import { objectSizeProblem } from './part-size.ts';
import { SessionSeal } from './session.ts';
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
  const sender = new PartSender(context);
  return {
    quotaActions: { init: 'ApplyUpload', finish: 'CommitUpload' },
    checkAction: 'CommitUpload',
    needsSha1: false,
    knowsContents: false,
    partDigest: 'crc64',
    sizeProblem: objectSizeProblem,
    begin: (request, memo, signal) => begin(context, request, memo, signal),
    sendPart: (part, signal) => sender.send(part, signal),
    checksumOf: (part) => sender.checksumOf(part),
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

/** Without the right to it, or with expired credentials, COS keeps the parts until it deletes them itself. */
async function abandon(context: Api3Context, upload: BegunUpload, signal: AbortSignal): Promise<void> {
  const session = await context.seal.open(upload.uploadId, upload.session);
  const { multipartId } = session ?? {};
  if (session === undefined || multipartId === undefined) return;
  try {
    await context.buckets.run(session, (object) => context.cos.abort(object, multipartId, signal));
  } catch (error) {
    if (!isRefused(error) && !isSessionOver(error)) throw error;
  }
}
