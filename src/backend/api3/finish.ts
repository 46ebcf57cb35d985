import { partCount } from '../../upload/plan.ts';
import type { BegunUpload, Memo, StoredVideo } from '../backend.ts';
import { type Api3Context, openSession } from './context.ts';
import {
  isNoSuchUpload,
  isRefused,
  isUnknownSession,
  partsError,
  passingError,
  sessionError,
} from './errors.ts';
import { marksOf, parseChecksum } from './part-checksum.ts';
import { findVideo } from './search.ts';
import type { Api3Session } from './session.ts';

/**
 * After a CommitUpload without a reply, the video is looked for this many times before the upload begins anew: the
 * documents do not say how soon a search finds a new video.
 */
const MAX_SEARCHES = 8;

/** What the checksum says of the file that was sent; undefined if it says nothing. */
type SentFile = ReturnType<typeof parseChecksum>;

/** What an earlier start of the job has done: the object is stored and checked, and CommitUpload may have been called. */
const STORED = 'stored';

/** Makes an object of the parts, checks it, and makes a video of it. */
export async function finish(
  context: Api3Context,
  upload: BegunUpload,
  checksum: string | undefined,
  memo: Memo,
  signal: AbortSignal,
): Promise<StoredVideo> {
  const session = await openSession(context, upload, 'CommitUpload');
  const starts = startsSinceStored(memo);
  if (starts === 0) {
    const sent = parseChecksum(checksum);
    if (session.multipartId !== undefined)
      await complete(context, session, session.multipartId, sent, signal);
    await verify(context, session, sent, signal);
  }
  await memo.save(`${STORED} ${starts + 1}`);
  try {
    const { fileId, url } = await context.api.commitUpload(session.sessionKey, signal);
    return { fileId, url };
  } catch (error) {
    if (starts === 0 || !isUnknownSession(error)) throw error;
    // An earlier CommitUpload may have taken effect.
    const video = await findVideo(context, session, signal);
    if (video !== undefined) return video;
    if (starts >= MAX_SEARCHES) throw error;
    const reason = 'the session may be committed already, but no video has its SourceContext yet';
    throw passingError('CommitUpload', 'COMMIT_UNKNOWN', reason);
  }
}

function startsSinceStored({ value = '' }: Memo): number {
  const [state, starts] = value.split(' ');
  return state === STORED ? Number(starts) : 0;
}

async function complete(
  { cos, buckets }: Api3Context,
  session: Api3Session,
  multipartId: string,
  sent: SentFile,
  signal: AbortSignal,
): Promise<void> {
  await buckets.run(session, async (object) => {
    try {
      const parts = await cos.listParts(object, multipartId, signal);
      checkParts(session, parts, sent);
      await cos.complete(object, multipartId, parts, signal);
    } catch (error) {
      // An earlier start may have completed it.
      if (!isNoSuchUpload(error)) throw error;
      const stored = await cos.head(object, signal);
      if (stored?.size !== session.fileSize) throw error;
    }
  });
}

/** @throws {VodError} if COS does not have exactly the parts that were sent */
function checkParts(
  { fileSize, partSize }: Api3Session,
  parts: readonly { readonly partNumber: number; readonly size: number; readonly etag: string }[],
  sent: SentFile,
): void {
  const count = partCount(fileSize, partSize);
  const bytes = parts.reduce((sum, { size }) => sum + size, 0);
  if (parts.length !== count || bytes !== fileSize) {
    const reason = `COS has ${parts.length} of ${count} parts, with ${bytes} of ${fileSize} bytes`;
    throw partsError('PARTS_MISSING', reason);
  }
  if (sent === undefined || marksOf(parts) === sent.marks) return;
  throw partsError('PARTS_DIFFER', 'COS has other parts than were sent');
}

/** @throws {VodError} of kind `session` if the object is not the file */
async function verify(
  { cos, buckets }: Api3Context,
  session: Api3Session,
  sent: SentFile,
  signal: AbortSignal,
): Promise<void> {
  const stored = await buckets.run(session, async (object) => {
    try {
      return await cos.head(object, signal);
    } catch (error) {
      // The documents do not say whether a session has the right to HEAD. COS has checked each part by its CRC-64.
      if (isRefused(error)) return 'unknown';
      throw error;
    }
  });
  if (stored === 'unknown') return;
  if (stored === undefined)
    throw sessionError('HeadObject', 'OBJECT_MISSING', 'COS does not have the object');
  const isWhole = stored.size === session.fileSize;
  const isSame = stored.crc64 === undefined || sent === undefined || stored.crc64 === sent.crc64;
  if (isWhole && isSame) return;
  const reason = isWhole ? 'its CRC-64 differs' : `it has ${stored.size} of ${session.fileSize} bytes`;
  throw sessionError('HeadObject', 'OBJECT_DIFFERS', `COS has another object than the file: ${reason}`);
}
