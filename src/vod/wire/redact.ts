import { INVISIBLE_CHARACTERS } from '../../base/printable.ts';

/** Removes secrets from a text before it is shown. */
export type Redact = (text: string) => string;

/** Shorter secrets would match parts of ordinary words; real ones have 32 characters or more. */
const SECRET_MIN_LENGTH = 4;

const URL_PARTS = /\b([a-z][a-z0-9+.-]*:\/\/)([^\s/?#@"'<>]*@)?([^\s?#"'<>]*)([?#][^\s"'<>]*)?/gi;

/** Removes user, password, query and fragment of URLs: a signed query is a credential. */
function withoutUrlSecrets(text: string): string {
  return text.replace(URL_PARTS, '$1$3');
}

/** A redactor for these secrets, literal and percent-encoded, and for secrets in URLs. */
export function createRedactor(secrets: readonly string[]): Redact {
  const literals = secrets
    .filter((secret) => secret.length >= SECRET_MIN_LENGTH)
    .flatMap((secret) => [secret, encodeURIComponent(secret.toWellFormed())]);
  return (text) =>
    withoutUrlSecrets(literals.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text));
}

/**
 * Makes text from outside safe for one line of a log: replaces control characters and line separators by spaces, removes
 * bidirectional controls, and shortens it to `maxLength` characters. Redact first, so that no secret is cut in half.
 */
export function cleanText(text: string, maxLength: number): string {
  const line = text
    .slice(0, maxLength * 4)
    .toWellFormed()
    .replace(INVISIBLE_CHARACTERS, '')
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim();
  return line.length <= maxLength ? line : `${line.slice(0, maxLength - 1).toWellFormed()}…`;
}
