import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { UploaderError } from '../base/errors.ts';

/** SHA-1 of a file, in hex. */
export async function sha1OfFile(path: string): Promise<string> {
  return await sha1Of(createReadStream(path));
}

/** SHA-1 of the response body of a video's url, in hex. */
export async function sha1OfUrl(url: string | null, signal: AbortSignal): Promise<string> {
  if (url === null) throw new UploaderError('PLAYBACK', 'the video has no url');
  const response = await fetch(url, { signal });
  if (!response.ok || response.body === null) {
    throw new UploaderError('PLAYBACK', `GET ${url} returned HTTP ${response.status}`);
  }
  return await sha1Of(response.body);
}

async function sha1Of(source: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha1');
  for await (const bytes of source) hash.update(bytes);
  return hash.digest('hex');
}
