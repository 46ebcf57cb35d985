/** Serves stored videos at their urls, with byte ranges so that players can seek. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { StoredFile, StoredFiles } from '../state/stored-files.ts';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  mp4: 'video/mp4',
  m4v: 'video/mp4',
  mov: 'video/quicktime',
  webm: 'video/webm',
  mkv: 'video/x-matroska',
  flv: 'video/x-flv',
  mp3: 'audio/mpeg',
};

/** @returns undefined when the video has no cover */
export function coverPath(file: StoredFile): string | undefined {
  if (file.media?.coverId === undefined) return undefined;
  return `/files/${file.fileId}/cover.${file.media.coverType}`;
}

export function playbackPath(file: StoredFile): string {
  return `/files/${file.fileId}/f0.${file.fileType}`;
}

/** @returns false when the path is not that of a stored video. */
export async function servePlayback(
  files: StoredFiles,
  pathname: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const fileId = /^\/files\/(\d+)\//.exec(pathname)?.[1] ?? '';
  const file = files.ofId(fileId);
  if (file === undefined) return false;
  const cover = pathname === coverPath(file) ? files.cover(file) : undefined;
  if (cover === undefined && pathname !== playbackPath(file)) return false;
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return true;
  }
  if (cover !== undefined) {
    response.writeHead(200, { 'content-length': cover.bytes });
    if (request.method === 'HEAD') response.end();
    else await pipeline(cover.read(), response);
    return true;
  }
  const range = parseRange(request.headers.range, file.fileSize);
  if (range === 'unsatisfiable') {
    response.writeHead(416, { 'content-range': `bytes */${file.fileSize}` }).end();
    return true;
  }
  const { start, end } = range ?? { start: 0, end: file.fileSize - 1 };
  response.writeHead(range ? 206 : 200, {
    'content-type': CONTENT_TYPES[file.fileType.toLowerCase()] ?? 'application/octet-stream',
    'content-length': end - start + 1,
    'accept-ranges': 'bytes',
    ...(range && { 'content-range': `bytes ${start}-${end}/${file.fileSize}` }),
  });
  if (request.method === 'HEAD') response.end();
  else await pipeline(files.read(file, start, end), response);
  return true;
}

/** Parses a single byte range, both ends included. Any other header is ignored, as HTTP allows. */
export function parseRange(
  header: string | undefined,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header ?? '');
  const [first = '', last = ''] = match?.slice(1) ?? [];
  if (first === '' && last === '') return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return start > end ? 'unsatisfiable' : { start, end };
}
