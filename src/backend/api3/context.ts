import type { Api3Client } from '../../vod/api3/client.ts';
import type { CosClient, CosObject } from '../../vod/cos/client.ts';
import type { VodAction } from '../../vod/wire/protocol.ts';
import { VodError, VodTransportError } from '../../vod/wire/vod-error.ts';
import type { BegunUpload } from '../backend.ts';
import { sessionError } from './errors.ts';
import type { Api3Session, SessionSeal } from './session.ts';
import type { SessionLife } from './session-life.ts';

/** What the calls of the backend share. */
export interface Api3Context {
  readonly api: Api3Client;
  readonly cos: CosClient;
  readonly seal: SessionSeal;
  readonly life: SessionLife;
  readonly buckets: Buckets;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

/** @throws {VodError} of kind `session` if this worker can't read it */
export async function openSession(
  { seal }: Api3Context,
  { uploadId, session }: BegunUpload,
  action: VodAction,
): Promise<Api3Session> {
  const opened = await seal.open(uploadId, session);
  if (opened !== undefined) return opened;
  const reason =
    session === undefined
      ? 'the upload was begun by a worker with another VOD_API'
      : 'its session was encrypted with another VOD_SECRET_KEY, or by another program';
  throw sessionError(action, 'SESSION_UNREADABLE', reason);
}

/** Remembers which bucket does not answer, so that the check of the key can probe it as well. */
export class Buckets {
  readonly #cos: CosClient;
  #failing: Pick<CosObject, 'bucket' | 'region'> | undefined;

  constructor(cos: CosClient) {
    this.#cos = cos;
  }

  /** Runs a call to the object of a session. */
  async run<T>(session: Api3Session, call: (object: CosObject) => Promise<T>): Promise<T> {
    const { bucket, region, key, credentials } = session;
    try {
      const result = await call({ bucket, region, key, credentials });
      this.#failing = undefined;
      return result;
    } catch (error) {
      if (isOutage(error)) this.#failing = { bucket, region };
      else if (error instanceof VodError) this.#failing = undefined;
      throw error;
    }
  }

  /** Rejects while the bucket that failed last does not answer. */
  async probe(signal: AbortSignal): Promise<void> {
    const failing = this.#failing;
    if (failing === undefined) return;
    await this.#cos.probe(failing, signal);
    if (this.#failing === failing) this.#failing = undefined;
  }
}

function isOutage(error: unknown): boolean {
  if (!(error instanceof VodError) || error.code === 'ABORTED') return false;
  return error instanceof VodTransportError || error.systemicCause === 'outage';
}
