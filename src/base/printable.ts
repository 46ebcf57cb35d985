/** Control characters and line separators: they end a line or control a terminal. */
const CONTROL_CHARACTERS = /[\p{Cc}\p{Zl}\p{Zp}]/u;

/** Invisible characters that change the order of others or hide in names. */
export const INVISIBLE_CHARACTERS = /[\p{Bidi_Control}\u200b\ufeff]/gu;

const UNPRINTABLE = new RegExp(`${CONTROL_CHARACTERS.source}|${INVISIBLE_CHARACTERS.source}`, 'gu');

/**
 * Untrusted text as one line: it can't control a terminal or look like another name. Each unprintable character becomes
 * a question mark.
 */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, '?');
}

/** {@link printable} for each line of a text. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** {@link printable} for JSON, without loss: unprintable characters become JSON escapes. Line feeds stay. */
export function printableJson(json: string): string {
  return json.replace(UNPRINTABLE, (character) => {
    if (character === '\n') return character;
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
