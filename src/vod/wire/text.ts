import { INVISIBLE_CHARACTERS } from '../../base/printable.ts';

/** Takes the secrets out of a text that is about to be shown. */
export type Redact = (text: string) => string;

/** Shorter ones would tear ordinary words apart; real ones have 32 characters and more. */
const SECRET_MIN_LENGTH = 4;

const URL_PARTS = /\b([a-z][a-z0-9+.-]*:\/\/)([^\s/?#@"'<>]*@)?([^\s?#"'<>]*)([?#][^\s"'<>]*)?/gi;

/** URLs lose their user, password, query and fragment: a signed query is a credential. */
function withoutUrlSecrets(text: string): string {
  return text.replace(URL_PARTS, '$1$3');
}

/** A redactor for these secrets, literal and percent-encoded, and for what URLs carry. */
export function createRedactor(secrets: readonly string[]): Redact {
  const literals = secrets
    .filter((secret) => secret.length >= SECRET_MIN_LENGTH)
    .flatMap((secret) => [secret, encodeURIComponent(secret.toWellFormed())]);
  return (text) =>
    withoutUrlSecrets(literals.reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text));
}

/**
 * Foreign text made fit for one line of a log: control characters and line separators become spaces, bidirectional
 * controls go, and at most `maxLength` characters stay. Redact first, so that no secret is cut in half.
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
