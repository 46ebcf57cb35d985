import type { BeginRequest, StoredVideo, UploadBackend } from '../src/backend/backend.ts';
import { defined } from '../src/base/defined.ts';
import type { ContentIndex } from '../src/flow/content-index.ts';
import { encodeMd5s } from '../src/flow/planned-parts.ts';
import type { JobContext } from '../src/queue/consumer.ts';
import type { InitData, InitValue } from '../src/queue/jobs/init.ts';
import { storedUrl } from '../src/queue/jobs/video-url.ts';
import type { Disk } from '../src/source/disk.ts';
import { listedParts, missingRanges, partAt } from '../src/upload/plan.ts';
import { asArrays } from '../src/upload/ranges.ts';
import { readCover } from './cover.ts';
import { memoOf } from './memo.ts';
import type { VodCall } from './vod-call.ts';

interface InitDependencies {
  readonly backend: UploadBackend;
  readonly contents: ContentIndex;
  readonly call: VodCall;
  readonly disk: Disk;
  /** Directories that covers may be in. */
  readonly roots: readonly string[];
}

/** Finds out which parts VOD has. Returns the parts to send, and the MD5s to compare before sending. */
export function initProcessor(
  deps: InitDependencies,
): (data: InitData, attempt: JobContext) => Promise<InitValue> {
  const { backend, call } = deps;
  return async (data, attempt) => {
    const { uploadId, hashed, video, cover, resume, expiredSessions = 0 } = data;
    const { fileSha, version } = hashed;
    const fileSize = version.size;
    const file = { uploadId, fileSize, ...defined({ fileSha }) };
    const known = await knownVideo(fileSha, deps);
    const request: BeginRequest = {
      ...{ file, video, expiredSessions },
      ...defined({ resume, known }),
      ...(cover !== undefined && { readCover: (signal: AbortSignal) => readCover(cover, deps, signal) }),
    };
    const begun = await call.run(() => backend.begin(request, memoOf(data, attempt), attempt.signal));
    if (begun.kind === 'exists') return { ...begun, url: storedUrl(begun.url) };
    const { partSize, received, session } = begun;
    const plan = { fileSize, partSize };
    const send = { kind: 'send', partSize, ...defined({ session }) } as const;
    if (!data.compare && !begun.compare)
      return { ...send, missing: asArrays(missingRanges({ ...plan, received })) };
    const listed = listedParts({ ...plan, received });
    const held = listed.map(({ index }) => partAt(fileSize, partSize, index));
    const missing = asArrays(missingRanges({ ...plan, received: held }));
    return { ...send, missing, listedMd5s: encodeMd5s(listed.map(({ dataMd5 }) => dataMd5)) };
  };
}

/** A video that another upload of the same content has made, if VOD itself does not know. */
async function knownVideo(
  fileSha: string | undefined,
  { backend, contents }: InitDependencies,
): Promise<StoredVideo | undefined> {
  return fileSha === undefined || backend.knowsContents ? undefined : await contents.find(fileSha);
}
