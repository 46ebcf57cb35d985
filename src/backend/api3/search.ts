import { VodError } from '../../vod/wire/vod-error.ts';
import type { StoredVideo } from '../backend.ts';
import type { Api3Context } from './context.ts';
import type { Api3Session } from './session.ts';

/** The clocks of this machine and of the service may differ by this much. */
const CLOCK_SLACK_MS = 3_600_000;

/**
 * What finds the video of an upload if the reply to CommitUpload is lost: it has the upload's id.
 * @param given the user's own text
 */
export function sourceContextOf(uploadId: string, given: string | undefined): string {
  return given === undefined ? uploadId : `${given} ${uploadId}`;
}

/** The video that an upload has made in this session, or in an earlier one. */
export async function findVideo(
  { api }: Pick<Api3Context, 'api'>,
  { sourceContext, name, appliedAtMs }: Api3Session,
  signal: AbortSignal,
): Promise<StoredVideo | undefined> {
  const createdAfterMs = appliedAtMs - CLOCK_SLACK_MS;
  const search = { sourceContext, mediaName: name, createdAfterMs };
  const [video] = (await ifPermitted(api.searchMedia(search, signal))) ?? [];
  return video && { fileId: video.fileId, url: video.url };
}

/** @returns undefined if the key may upload, but not look for videos: that must not stop all uploads */
export async function ifPermitted<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof VodError && (error.kind === 'account' || error.kind === 'permanent'))
      return undefined;
    throw error;
  }
}
