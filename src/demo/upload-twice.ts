import { controlClient } from '../emulator/control/client.ts';
import type { EmulatorStats } from '../emulator/control/stats.ts';
import { type UploadResult, VodUploads } from '../index.ts';
import type { CliContext } from '../terminal/context.ts';
import { createDisplay, type Display } from '../terminal/display.ts';
import { labelOf } from '../terminal/label.ts';
import type { Rig, Undo } from './rig.ts';
import { sha1OfFile, sha1OfUrl } from './sha1.ts';

export interface Outcome {
  readonly first: UploadResult;
  readonly second: UploadResult;
  /** SHA-1 of the file. */
  readonly ours: string;
  /** SHA-1 of what the url gave back. */
  readonly theirs: string;
  readonly requests: EmulatorStats['requests'];
}

/** Ends at once when the signal aborts or one of the rig's processes dies. */
export async function uploadTwice(options: {
  readonly source: string;
  readonly rig: Rig;
  readonly context: CliContext;
  readonly signal: AbortSignal;
  readonly undo: Undo[];
}): Promise<Outcome> {
  const { source, rig, context, signal, undo } = options;
  signal.throwIfAborted();
  const stopped = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => stopped.reject(signal.reason), { once: true });
  const whileAllIsWell = <T>(work: Promise<T>): Promise<T> => Promise.race([work, rig.died, stopped.promise]);
  stopped.promise.catch(() => {});

  const uploads = new VodUploads({ connection: rig.redisUrl, prefix: rig.prefix });
  undo.push(() => uploads.close());
  const upload = async (): Promise<UploadResult> => {
    const display = createDisplay([labelOf({ source })], context);
    try {
      return await whileAllIsWell(showUpload(uploads, source, display));
    } finally {
      display.stop();
    }
  };
  const first = await upload();
  const second = await upload();
  const [ours, theirs, { requests }] = await whileAllIsWell(
    Promise.all([sha1OfFile(source), sha1OfUrl(first.url, signal), controlClient(rig.controlUrl).stats()]),
  );
  return { first, second, ours, theirs, requests };
}

async function showUpload(uploads: VodUploads, source: string, display: Display): Promise<UploadResult> {
  const upload = await uploads.add({ source });
  for await (const progress of upload.progress()) display.update(0, progress);
  return await upload.result();
}
