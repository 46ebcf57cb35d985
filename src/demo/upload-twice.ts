import { controlClient } from '../emulator/control/client.ts';
import type { EmulatorStats } from '../emulator/control/stats.ts';
import { type UploadOptions, type UploadResult, VodUploads } from '../index.ts';
import type { CliContext } from '../terminal/context.ts';
import { createDisplay, type Display } from '../terminal/display.ts';
import { labelOf } from '../terminal/label.ts';
import type { VodApi } from '../vod/wire/protocol.ts';
import type { Cleanup } from './cleanup.ts';
import type { DemoProcesses } from './processes.ts';
import { sha1OfFile, sha1OfUrl } from './sha1.ts';

export interface Outcome {
  readonly first: UploadResult;
  readonly second: UploadResult;
  readonly fileSha: string;
  /** SHA-1 of the video at the url. */
  readonly urlSha: string;
  readonly requests: EmulatorStats['requests'];
}

/** Rejects at once when the signal aborts or a process ends. */
export async function uploadTwice(options: {
  readonly api: VodApi;
  readonly source: string;
  readonly processes: DemoProcesses;
  readonly context: CliContext;
  readonly signal: AbortSignal;
  readonly cleanups: Cleanup[];
}): Promise<Outcome> {
  const { api, source, processes, context, signal, cleanups } = options;
  signal.throwIfAborted();
  const stopped = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => stopped.reject(signal.reason), { once: true });
  const unlessStopped = <T>(work: Promise<T>): Promise<T> =>
    Promise.race([work, processes.died, stopped.promise]);
  stopped.promise.catch(() => {});

  const uploads = new VodUploads({ connection: processes.redisUrl, prefix: processes.prefix, api });
  cleanups.push(() => uploads.close());
  // By v2, VOD itself knows which contents it has. By API 3.0, only uploads with a SHA-1 are compared with each other.
  const toAdd: UploadOptions = { source, ...(api !== 'v2' && { hash: true }) };
  const upload = async (): Promise<UploadResult> => {
    const display = createDisplay([labelOf({ source })], context);
    try {
      return await unlessStopped(showUpload(uploads, toAdd, display));
    } finally {
      display.stop();
    }
  };
  const first = await upload();
  const second = await upload();
  const [fileSha, urlSha, { requests }] = await unlessStopped(
    Promise.all([
      sha1OfFile(source),
      sha1OfUrl(first.url, signal),
      controlClient(processes.controlUrl).stats(),
    ]),
  );
  return { first, second, fileSha, urlSha, requests };
}

async function showUpload(
  uploads: VodUploads,
  options: UploadOptions,
  display: Display,
): Promise<UploadResult> {
  const upload = await uploads.add(options);
  for await (const progress of upload.progress()) display.update(0, progress);
  return await upload.result();
}
