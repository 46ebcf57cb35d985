import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { createCrc64 } from '../../base/crc64.ts';
import { formatSpan } from '../../base/format.ts';
import type { Api3Client } from '../../vod/api3/client.ts';
import type { ApplyResult, FoundMedia } from '../../vod/api3/types.ts';
import type { CosClient, CosObject } from '../../vod/cos/client.ts';
import type { StoredBytes } from '../../vod/cos/parse.ts';
import { type Findings, failureText, urlForm } from './report.ts';

/** The smallest part that COS takes, except for the last. */
const PART_BYTES = 2 ** 20;

/** How often, and for how long, a new video is searched for. */
const SEARCH_INTERVAL_MS = 2000;
const SEARCH_MS = 60_000;

const DAY_MS = 86_400_000;

export interface Api3Clients {
  readonly api: Api3Client;
  readonly cos: CosClient;
}

export interface VerifyFile {
  readonly name: string;
  readonly content: Buffer;
}

/**
 * Uploads the content by API 3.0, and asks COS and VOD whatever their documents leave open.
 * @returns the id of the video; undefined if there is none
 */
export async function verifyApi3(
  clients: Api3Clients,
  file: VerifyFile,
  findings: Findings,
): Promise<string | undefined> {
  const { api } = clients;
  const { name } = file;
  const apply = { mediaType: 'mp4', mediaName: name, sourceContext: name };
  const session = await findings.ask('applyUpload', (signal) => api.applyUpload(apply, signal));
  if (session === undefined) return undefined;
  const serviceMs = api.serviceTimeMs();
  if (serviceMs !== undefined) {
    findings.set('clock', clockText(Date.now() - serviceMs));
    findings.set('credentialsLife', `${Math.round((session.credentials.expiresAtMs - serviceMs) / 1000)} s`);
  }
  if (!(await storeObject(clients, session, file, findings))) return undefined;
  return await makeVideo(api, session, name, findings);
}

/** Puts the content together in COS. @returns whether COS has it */
async function storeObject(
  { api, cos }: Api3Clients,
  session: ApplyResult,
  { name, content }: VerifyFile,
  findings: Findings,
): Promise<boolean> {
  const object = objectOf(session);
  // Later replaced by the object that is made of parts.
  await findings.ask('putObject', (signal) =>
    cos.putObject(object, { body: content.subarray(0, 1024) }, signal),
  );
  const uploadId = await findings.ask('initiate', (signal) => cos.initiate(object, signal));
  if (uploadId === undefined) return false;
  const bodies = [content.subarray(0, PART_BYTES), content.subarray(PART_BYTES)] as const;
  const send = async (to: CosObject, index: 0 | 1, signal: AbortSignal): Promise<StoredBytes> =>
    await cos.uploadPart(to, { uploadId, partNumber: index + 1, body: bodies[index] }, signal);
  const parts = await findings.ask('uploadPart', async (signal) => [
    await send(object, 0, signal),
    await send(object, 1, signal),
  ]);
  if (parts?.[0] !== undefined) await describePart(parts[0], bodies[0], findings);
  const listed = await findings.ask(
    'listParts',
    (signal) => cos.listParts(object, uploadId, signal),
    (list) => `yes, ${list.length} of 2`,
  );
  await findings.ask(
    'listUploads',
    (signal) => cos.listUploads(object, signal),
    (list) => (list.some((upload) => upload.uploadId === uploadId) ? 'yes' : 'yes, but without the upload'),
  );
  const newer = await beginAndAbort({ api, cos }, name, findings);
  if (newer !== undefined) {
    await findings.ask(
      'newCredentials',
      (signal) => send({ ...object, credentials: newer.credentials }, 1, signal),
      () => 'accepted',
    );
  }
  const list = listed ?? parts?.map(({ etag }, index) => ({ partNumber: index + 1, etag }));
  if (list === undefined) return false;
  const completed = await findings.ask('complete', (signal) => cos.complete(object, uploadId, list, signal));
  const crc64 = await crc64Of(content);
  if (completed !== undefined) findings.set('completeCrc64', crc64Text(completed, crc64));
  const stored = await findings.ask(
    'head',
    (signal) => cos.head(object, signal),
    (found) => (found?.size === content.byteLength ? 'yes' : `yes, but ${found?.size ?? 'no'} bytes`),
  );
  if (stored !== undefined) findings.set('headCrc64', crc64Text(stored, crc64));
  return completed !== undefined || stored?.size === content.byteLength;
}

/** A second session, with a multipart upload that is aborted. It is never committed. */
async function beginAndAbort(
  { api, cos }: Api3Clients,
  name: string,
  findings: Findings,
): Promise<ApplyResult | undefined> {
  let session: ApplyResult | undefined;
  await findings.ask('abort', async (signal) => {
    session = await api.applyUpload({ mediaType: 'mp4', mediaName: name, sourceContext: name }, signal);
    const object = objectOf(session);
    const uploadId = await cos.initiate(object, signal);
    await cos.uploadPart(object, { uploadId, partNumber: 1, body: Buffer.alloc(1024) }, signal);
    await cos.abort(object, uploadId, signal);
  });
  return session;
}

async function makeVideo(
  api: Api3Client,
  session: ApplyResult,
  name: string,
  findings: Findings,
): Promise<string | undefined> {
  const { sessionKey } = session;
  const video = await findings.ask('commit', (signal) => api.commitUpload(sessionKey, signal));
  const committedAt = performance.now();
  if (video !== undefined) findings.set('url', urlForm(video.url));
  await findings.ask(
    'secondCommit',
    (signal) => api.commitUpload(sessionKey, signal),
    ({ fileId }) => (fileId === video?.fileId ? 'the same fileId' : 'another fileId'),
  );
  if (video !== undefined) {
    await findings.ask(
      'describe',
      (signal) => api.describeMedia(video.fileId, signal),
      (found) => (found === undefined ? 'yes, but without the video' : 'yes'),
    );
  }
  const found = await search(api, { name, committedAt }, findings);
  return video?.fileId ?? found?.fileId;
}

/** Without a CommitUpload that answered, the search tells whether there is a video. */
async function search(
  api: Api3Client,
  { name, committedAt }: { readonly name: string; readonly committedAt: number },
  findings: Findings,
): Promise<FoundMedia | undefined> {
  const find = async (request: { readonly mediaName?: string }): Promise<FoundMedia | undefined> => {
    const createdAfterMs = (api.serviceTimeMs() ?? Date.now()) - DAY_MS;
    const all = await api.searchMedia({ sourceContext: name, createdAfterMs, ...request }, findings.signal);
    return all[0];
  };
  for (;;) {
    const seconds = Math.round((performance.now() - committedAt) / 1000);
    try {
      const found = await find({ mediaName: name });
      if (found !== undefined) {
        findings.set('search', `found after ${seconds} s`);
        await findings.ask(
          'searchWithoutName',
          () => find({}),
          (same) => (same === undefined ? 'not found' : 'found'),
        );
        return found;
      }
    } catch (error) {
      findings.set('search', failureText(error));
      return undefined;
    }
    if (seconds * 1000 >= SEARCH_MS || findings.signal.aborted) {
      findings.set('search', `not found within ${seconds} s`);
      return undefined;
    }
    await setTimeout(SEARCH_INTERVAL_MS, undefined, { signal: findings.signal }).catch(() => {});
  }
}

async function describePart(part: StoredBytes, body: Buffer, findings: Findings): Promise<void> {
  const md5 = createHash('md5').update(body).digest('hex');
  findings.set('partEtag', part.etag === md5 ? 'its MD5' : 'not its MD5');
  findings.set('partCrc64', crc64Text(part, await crc64Of(body)));
}

function crc64Text({ crc64 }: StoredBytes, ours: bigint): string {
  if (crc64 === undefined) return 'none';
  return crc64 === ours ? 'yes, ours' : 'yes, but another than ours';
}

async function crc64Of(bytes: Uint8Array): Promise<bigint> {
  const crc64 = await createCrc64();
  crc64.update(bytes);
  return crc64.digest();
}

function clockText(aheadMs: number): string {
  if (Math.abs(aheadMs) < 2000) return 'within 2 s of the service';
  return `${formatSpan(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} the service`;
}

function objectOf({ bucket, region, mediaPath, credentials }: ApplyResult): CosObject {
  return { bucket, region, key: mediaPath, credentials };
}
