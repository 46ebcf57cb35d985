import { basename, extname } from 'node:path';
import { FILE_NAME_FORBIDDEN, FILE_NAME_MAX_BYTES } from '../vod/wire/protocol.ts';

/**
 * The usual types (extensions) of videos and audio. The service's documents list none: others are taken as well, and it is
 * VOD that refuses what it doesn't know.
 */
const USUAL_TYPES: ReadonlySet<string> = new Set([
  ...['mp4', 'm4v', 'mov', 'mkv', 'webm', 'avi', 'flv', 'f4v', 'wmv', 'asf', 'mpg', 'mpeg', 'mpe', 'm2v'],
  ...['ts', 'mts', 'm2ts', 'vob', 'dat', '3gp', '3g2', 'rm', 'rmvb', 'mxf', 'ogv', 'gif'],
  ...['mp3', 'm4a', 'wma', 'wav', 'aac', 'ogg', 'oga', 'opus', 'flac', 'ape', 'amr', 'aiff'],
]);

/** What `fileType` may be. */
const TYPE = /^[a-z0-9]{1,20}$/;

const FORBIDDEN: ReadonlySet<string> = new Set(FILE_NAME_FORBIDDEN);
/** Control characters, and halves of surrogate pairs, which have no form in UTF-8. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u;
const FALLBACK_NAME = 'video';

/** The rule of the service that a video's name breaks, in words; undefined when it breaks none. */
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

/** What is wrong with a type (extension without a dot, lower case), in words; undefined when nothing is. */
export function checkType(type: string): string | undefined {
  if (TYPE.test(type)) return undefined;
  return `type ${JSON.stringify(type)} is none; it must be an extension of 1 to 20 letters and digits, such as mp4`;
}

/** Whether a type is one that videos usually have; VOD may refuse another, or not know how to transcode it. */
export function isUsualType(type: string): boolean {
  return USUAL_TYPES.has(type);
}

/**
 * The name and type of a video after its file. The name always satisfies `checkName`; `altered` says that it is
 * not the file's own without its extension. The type is the extension in lower case, known or not; undefined when
 * the file has none.
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

/** Why the type of a file without an extension can't be known, and what to do about it. */
export function missingTypeProblem(filePath: string): string {
  const base = basename(filePath);
  const why = base.startsWith('.')
    ? `${filePath} has no extension: a name that begins with a dot is that of a hidden file. Rename it (video${base}), or give a type`
    : `${filePath} has no extension`;
  return `type must be given, such as mp4, because ${why}`;
}

/** As many whole characters (graphemes, as a reader counts them) from the start as the service's limit allows. */
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
