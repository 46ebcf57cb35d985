import { basename } from 'node:path';
import { idOfKey } from '../queue/names.ts';

/** The fields of an upload's job that are searched. */
export const SEARCHED_FIELDS = ['name', 'data', 'returnvalue'] as const;

/** The values of {@link SEARCHED_FIELDS}. */
export interface SearchedJob {
  readonly id: string;
  readonly name: string;
  /** JSON. */
  readonly data: string;
  /** JSON; empty until the upload has completed. */
  readonly returnvalue: string;
}

export interface Search {
  /** The ids of the uploads whose id or key equals the text, if they exist. */
  readonly ids: readonly [id: string, idOfKey: string];
  matches(upload: SearchedJob): boolean;
}

/**
 * Searches uploads for part of the file name or of the key, ignoring case; part of the path if the text contains a slash;
 * or exactly the id, the SHA-1 or the fileId. To be fast, it first searches the raw strings, and parses only the jobs
 * that contain the text.
 */
export function searchFor(text: string): Search {
  // Some file systems store é as e and a combining accent.
  const fold = (value: string): string =>
    isFoldedByRedis(text) ? value.toLowerCase() : value.normalize('NFC').toLowerCase();
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
      const { source, key, hashed } = parseObject(data);
      const { fileId, fileSha } = parseObject(returnvalue);
      const file = typeof source === 'string' && !text.includes('/') ? basename(source) : source;
      const sha = (hashed as Record<string, unknown> | undefined)?.fileSha;
      return has(file) || has(key) || is(sha) || is(fileSha) || is(fileId);
    },
  };
}

/** Whether a script in Redis, which knows only bytes, finds the text whatever its case. */
export function isFoldedByRedis(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

/** @returns an empty object for invalid JSON */
function parseObject(json: string): Record<string, unknown> {
  try {
    return (JSON.parse(json) ?? {}) as Record<string, unknown>;
  } catch {
    return {};
  }
}
