import { defined } from '../../base/defined.ts';
import { UploaderError } from '../../base/errors.ts';
import type { ApplyRequest } from '../../vod/api3/types.ts';
import type { ReceivedPart } from '../../vod/wire/protocol.ts';
import { VodError } from '../../vod/wire/vod-error.ts';
import type { BeginRequest, Begun, Cover, Memo, NewVideo, StoredVideo } from '../backend.ts';
import { unsupportedOptions } from '../unsupported.ts';
import type { Api3Context } from './context.ts';
import { isNoSuchUpload, isRefused, passingError } from './errors.ts';
import { cosPartSize } from './part-size.ts';
import { findVideo, ifPermitted, sourceContextOf } from './search.ts';
import type { Api3Session } from './session.ts';

/** Continues the last session of the upload, or begins a new one. */
export async function begin(
  context: Api3Context,
  request: BeginRequest,
  memo: Memo,
  signal: AbortSignal,
): Promise<Begun> {
  const problem = unsupportedOptions('2018-07-17', request.video, request.readCover !== undefined);
  if (problem !== undefined) throw new UploaderError('UNSUPPORTED_OPTION', problem);
  const known = await knownVideo(context, request, signal);
  if (known !== undefined) return { kind: 'exists', ...known };
  const resumed = await resume(context, request, signal);
  if (resumed !== undefined) return resumed;
  const cover = await request.readCover?.(signal);
  const saved = await savedSession(context, request, memo);
  try {
    const session = saved ?? (await apply(context, request, cover?.type, memo, signal));
    return await prepare(context, request.file.uploadId, session, {
      cover,
      again: saved !== undefined,
      signal,
    });
  } catch (error) {
    if (!(error instanceof VodError) || error.kind !== 'session') throw error;
    // Nothing has been sent yet: the next start of this job applies anew.
    await memo.save('');
    throw passingError(error.action, error.code, error.message);
  }
}

/** Another upload's video of the same content, if VOD still has it. */
async function knownVideo(
  { api }: Api3Context,
  { known }: BeginRequest,
  signal: AbortSignal,
): Promise<StoredVideo | undefined> {
  if (known === undefined) return undefined;
  const media = await ifPermitted(api.describeMedia(known.fileId, signal));
  return media && { fileId: known.fileId, url: media.url ?? known.url };
}

/** @returns undefined if the last session can't be continued */
async function resume(
  context: Api3Context,
  { file, resume: sealed }: BeginRequest,
  signal: AbortSignal,
): Promise<Begun | undefined> {
  const { seal, life, cos, buckets } = context;
  const session = await seal.open(file.uploadId, sealed);
  if (session === undefined || sealed === undefined || session.fileSize !== file.fileSize) return undefined;
  const { multipartId, partSize } = session;
  if (multipartId !== undefined && life.hasTimeFor(session, partSize)) {
    try {
      const parts = await buckets.run(session, (object) => cos.listParts(object, multipartId, signal));
      const received = parts.map(({ partNumber, size, etag }): ReceivedPart => {
        const isMd5 = /^[0-9a-f]{32}$/.test(etag);
        return { offset: (partNumber - 1) * partSize, dataSize: size, ...(isMd5 && { dataMd5: etag }) };
      });
      return { kind: 'send', partSize, received, compare: true, session: sealed };
    } catch (error) {
      if (!(error instanceof VodError) || error.kind !== 'session') throw error;
      // Completed, aborted or expired.
      if (!isNoSuchUpload(error)) return undefined;
    }
  }
  // CommitUpload may have taken effect, although no reply said so.
  const video = await findVideo(context, session, signal);
  return video && { kind: 'exists', own: true, ...video };
}

/** What an earlier start of the job got by ApplyUpload. @returns undefined if it can't be used */
async function savedSession(
  { seal, life }: Api3Context,
  { file }: BeginRequest,
  { value }: Memo,
): Promise<Api3Session | undefined> {
  const saved = await seal.open(file.uploadId, value);
  return saved !== undefined && life.hasTimeFor(saved, saved.partSize) ? saved : undefined;
}

/**
 * Prepares COS for the parts of a new session.
 * @param options.again whether an earlier start may have done it already, with a reply that was lost
 */
async function prepare(
  context: Api3Context,
  uploadId: string,
  applied: Api3Session,
  options: { readonly cover: Cover | undefined; readonly again: boolean; readonly signal: AbortSignal },
): Promise<Begun> {
  const { fileSize, partSize } = applied;
  const { cover, again, signal } = options;
  if (cover !== undefined) await sendCover(context, applied, cover, signal);
  const session =
    fileSize <= partSize
      ? applied
      : { ...applied, multipartId: await initiate(context, applied, again, signal) };
  return { kind: 'send', partSize, received: [], session: await context.seal.seal(uploadId, session) };
}

/** ApplyUpload. What it returned is saved before it is used, so that a crash in between costs nothing. */
async function apply(
  { api, seal, clock }: Api3Context,
  { file, video, expiredSessions }: BeginRequest,
  coverType: string | undefined,
  memo: Memo,
  signal: AbortSignal,
): Promise<Api3Session> {
  const sourceContext = sourceContextOf(file.uploadId, video.sourceContext);
  const appliedAtMs = clock();
  const { bucket, region, sessionKey, mediaPath, coverPath, credentials } = await api.applyUpload(
    applyRequest(video, sourceContext, coverType),
    signal,
  );
  const session: Api3Session = {
    ...{ version: 1, bucket, region, key: mediaPath, sessionKey, credentials },
    ...{ sourceContext, name: video.name, appliedAtMs, fileSize: file.fileSize },
    partSize: cosPartSize(file.fileSize, { expiredSessions, ...defined({ requested: video.partSize }) }),
    ...defined({ coverKey: coverPath }),
  };
  await memo.save(await seal.seal(file.uploadId, session));
  return session;
}

function applyRequest(
  { name, type, classId, procedure, expireTime, storageRegion, storagePath }: NewVideo,
  sourceContext: string,
  coverType: string | undefined,
): ApplyRequest {
  return {
    ...{ mediaType: type, mediaName: name, sourceContext, coverType, procedure, expireTime, storageRegion },
    ...{ classId, mediaStoragePath: storagePath },
  };
}

async function initiate(
  { cos, buckets }: Api3Context,
  session: Api3Session,
  again: boolean,
  signal: AbortSignal,
): Promise<string> {
  return await buckets.run(session, async (object) => {
    if (again) {
      try {
        const [newest] = await cos.listUploads(object, signal);
        if (newest !== undefined) return newest.uploadId;
      } catch (error) {
        // Without the right to list them, another one does no harm.
        if (!isRefused(error)) throw error;
      }
    }
    return await cos.initiate(object, signal);
  });
}

async function sendCover(
  { cos, buckets }: Api3Context,
  session: Api3Session,
  { bytes }: Cover,
  signal: AbortSignal,
): Promise<void> {
  const { coverKey } = session;
  if (coverKey === undefined) return;
  await buckets.run({ ...session, key: coverKey }, (object) =>
    cos.putObject(object, { body: bytes }, signal),
  );
}
