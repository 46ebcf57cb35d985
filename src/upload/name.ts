import { basename, extname } from 'node:path';
import { FILE_NAME_FORBIDDEN, FILE_NAME_MAX_BYTES } from '../vod/wire/protocol.ts';

/**
 * Usual types (extensions) of video and audio. The service's documents have no list: other types are accepted here as well,
 * and VOD may refuse them.
 */
const USUAL_TYPES: ReadonlySet<string> = new Set([
  ...['mp4', 'm4v', 'mov', 'mkv', 'webm', 'avi', 'flv', 'f4v', 'wmv', 'asf', 'mpg', 'mpeg', 'mpe', 'm2v'],
  ...['ts', 'mts', 'm2ts', 'vob', 'dat', '3gp', '3g2', 'rm', 'rmvb', 'mxf', 'ogv', 'gif'],
  ...['mp3', 'm4a', 'wma', 'wav', 'aac', 'ogg', 'oga', 'opus', 'flac', 'ape', 'amr', 'aiff'],
]);

const TYPE = /^[a-z0-9]{1,20}$/;

const FORBIDDEN: ReadonlySet<string> = new Set(FILE_NAME_FORBIDDEN);
/** Control characters, and lone surrogates, which have no UTF-8 form. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u;
const FALLBACK_NAME = 'video';

/**
 * The problem with a video's name according to v2's rules; undefined if there is none. The documents of API 3.0 have no rule
 * for the name of an upload, and allow 64 characters when a name is changed.
 */
export function checkName(name: string): string | undefined {
  if (name.trim() === '') return 'name is empty; it needs at least 1 visible character';
  for (const character of name) {
    if (FORBIDDEN.has(character)) {
      return `name contains ${character} which is not allowed; nor are ${FILE_NAME_FORBIDDEN.join(' ')}`;
    }
    if (UNPRINTABLE.test(character)) return `name contains the unprintable character ${codeOf(character)}`;
  }
  const bytes = Buffer.byteLength(name);
  if (bytes <= FILE_NAME_MAX_BYTES) return undefined;
  return `name is ${bytes} bytes in UTF-8; at most ${FILE_NAME_MAX_BYTES} are allowed`;
}

/** The problem with a type (extension without a dot, lower case); undefined if there is none. */
export function checkType(type: string): string | undefined {
  if (TYPE.test(type)) return undefined;
  return `type ${JSON.stringify(type)} is invalid; it must be an extension of 1 to 20 letters and digits, such as mp4`;
}

/** Whether videos usually have this type; VOD may refuse other types, or be unable to transcode them. */
export function isUsualType(type: string): boolean {
  return USUAL_TYPES.has(type);
}

/**
 * The name and type of a video, from its file name. The name always passes `checkName`; `altered` says that it differs from
 * the file name without extension. The type is the extension in lower case, known or not; undefined if there is none.
 */
export function deriveName(filePath: string): { name: string; type: string | undefined; altered: boolean } {
  const base = basename(filePath);
  const extension = extname(base);
  const own = extension.length > 1 ? base.slice(0, -extension.length) : base;
  const allowed = Array.from(own, (character) =>
    FORBIDDEN.has(character) || UNPRINTABLE.test(character) ? '_' : character,
  ).join('');
  const name = shortened(allowed.trim()).trimEnd() || FALLBACK_NAME;
  const type = extension.length > 1 ? extension.slice(1).toLowerCase() : undefined;
  return { name, type, altered: name !== own };
}

/** Why the type of a file without an extension is unknown, and what to do. */
export function missingTypeProblem(filePath: string): string {
  const base = basename(filePath);
  const why = base.startsWith('.')
    ? `${filePath} has no extension: a name that begins with a dot is that of a hidden file. Rename it (video${base}), or give a type`
    : `${filePath} has no extension`;
  return `type must be given, such as mp4, because ${why}`;
}

/** Shortens a name to the service's limit, in whole characters (graphemes). */
function shortened(name: string): string {
  let result = '';
  let bytes = 0;
  for (const { segment } of new Intl.Segmenter('und', { granularity: 'grapheme' }).segment(name)) {
    bytes += Buffer.byteLength(segment);
    if (bytes > FILE_NAME_MAX_BYTES) break;
    result += segment;
  }
  return result;
}

function codeOf(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}
