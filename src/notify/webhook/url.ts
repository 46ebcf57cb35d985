import { isPrivateAddress, literalAddress } from './address.ts';

const MAX_CHARACTERS = 2048;

/** What is wrong with a webhook URL; undefined if it is valid. Never contains the URL: its path or query may be a secret. */
export function webhookUrlProblem(text: string): string | undefined {
  if (text.length > MAX_CHARACTERS) return `must be at most ${MAX_CHARACTERS} characters`;
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return 'must be a URL that begins with https://';
  if (url.username !== '' || url.password !== '') return 'must not contain a user or password';
  if (url.hash !== '') return 'must not contain a fragment (#)';
  return undefined;
}

/** The additional rules unless private addresses are allowed: https, and no private IP address. */
export function publicUrlProblem(text: string): string | undefined {
  const url = new URL(text);
  if (url.protocol !== 'https:') return 'must begin with https://';
  const address = literalAddress(url);
  if (address !== undefined && isPrivateAddress(address)) return 'must not name a private address';
  return undefined;
}

/** What is wrong with a webhook URL, by all rules that apply; undefined if it is valid. */
export function receiverProblem(text: string, allowPrivate: boolean): string | undefined {
  return webhookUrlProblem(text) ?? (allowPrivate ? undefined : publicUrlProblem(text));
}

/** The part of a URL that logs and errors may contain. */
export function shownUrl(url: string): string {
  return URL.parse(url)?.origin ?? '(not a URL)';
}
