import { basename } from 'node:path';
import { idOfKey } from '../queue/names.ts';

/** The fields of an upload's job that a search looks at, as they are in Redis. */
export const SEARCHED_FIELDS = ['name', 'data', 'returnvalue'] as const;

export interface Searched {
  readonly id: string;
  readonly name: string;
  /** JSON. */
  readonly data: string;
  /** JSON; empty while there is none. */
  readonly returnvalue: string;
}

export interface Search {
  /** The uploads whose id or key is just this text, if there are any. */
  readonly ids: readonly [id: string, idOfKey: string];
  matches(upload: Searched): boolean;
}

/**
 * Finds uploads by what people know of them: part of the file's name or of the key, in capitals or not, part of the
 * path when the text has a slash; or exactly the id, the SHA-1 or the fileId. Nearly every upload is ruled out by its raw
 * strings, and only what is left is parsed.
 */
export function searchFor(text: string): Search {
  // Some systems write é as e and an accent.
  const fold = (value: string): string =>
    /^[\x20-\x7e]*$/.test(text) ? value.toLowerCase() : value.normalize('NFC').toLowerCase();
  const wanted = fold(text);
  const wantedInJson = fold(JSON.stringify(text).slice(1, -1));
  const has = (value: unknown): boolean => typeof value === 'string' && fold(value).includes(wanted);
  const is = (value: unknown): boolean => typeof value === 'string' && fold(value) === wanted;
  return {
    ids: [text, idOfKey(text)],
    matches({ id, name, data, returnvalue }) {
      if (is(id) || has(name)) return true;
      const inData = fold(data).includes(wantedInJson);
      if (!inData && !fold(returnvalue).includes(wantedInJson)) return false;
      const { source, key, hashed } = parsed(data);
      const { fileId, fileSha } = parsed(returnvalue);
      const file = typeof source === 'string' && !text.includes('/') ? basename(source) : source;
      const sha = (hashed as Record<string, unknown> | undefined)?.fileSha;
      return has(file) || has(key) || is(sha) || is(fileSha) || is(fileId);
    },
  };
}

/** A job that isn't parseable has no properties to find it by. */
function parsed(json: string): Record<string, unknown> {
  try {
    return (JSON.parse(json) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}
