import { extname } from 'node:path';
import { SourceError } from '../source/errors.ts';

/** A cover is read into memory as a whole. */
const MAX_COVER_BYTES = 10 * 2 ** 20;

/** The types of covers that the service's documents list (266/2846). */
const COVER_TYPES: readonly string[] = [
  ...['jpg', 'jpeg', 'png', 'gif', 'bmp', 'tif', 'tiff', 'ai', 'cdr', 'eps', 'heif'],
];

/** The type of a cover: its extension in lower case, without a dot. */
export function coverType(path: string): string {
  return extname(path).slice(1).toLowerCase();
}

/** The problem with the type of a cover; undefined if there is none. */
export function coverTypeProblem(path: string): string | undefined {
  if (COVER_TYPES.includes(coverType(path))) return undefined;
  return `cover ${path} must have one of the extensions ${COVER_TYPES.join(', ')}`;
}

/** @throws {SourceError} SOURCE_TOO_LARGE */
export function checkCoverSize(path: string, size: number): void {
  if (size <= MAX_COVER_BYTES) return;
  const message = `${path} has ${size} bytes; a cover can have at most ${MAX_COVER_BYTES} (10 MiB)`;
  throw new SourceError('SOURCE_TOO_LARGE', message);
}

/** The error of a cover, whose message says that the file is not the video. Other errors are returned unchanged. */
export function coverError(error: unknown): unknown {
  if (!(error instanceof SourceError)) return error;
  return new SourceError(error.code, `the cover ${error.message}`, error);
}
