import { isPrivateAddress, literalAddress } from './address.ts';

const MOST_CHARACTERS = 2048;

/** What is wrong with the URL of a webhook, or undefined. Never repeats it: its path or query may be a secret. */
export function webhookUrlProblem(text: string): string | undefined {
  if (text.length > MOST_CHARACTERS) return `must be at most ${MOST_CHARACTERS} characters`;
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return 'must be a URL that begins with https://';
  if (url.username !== '' || url.password !== '') return 'must not hold a user or password';
  if (url.hash !== '') return 'must not hold a #';
  return undefined;
}

/** What more is wrong with it where private addresses are not allowed: it must be encrypted, and lead to the Internet. */
export function publicUrlProblem(text: string): string | undefined {
  const url = new URL(text);
  if (url.protocol !== 'https:') return 'must begin with https://';
  const address = literalAddress(url);
  if (address !== undefined && isPrivateAddress(address)) return 'must not name a private address';
  return undefined;
}

/** What is wrong with a receiver's URL: what never may be, and what may be with `allowPrivate` only. */
export function receiverProblem(text: string, allowPrivate: boolean): string | undefined {
  return webhookUrlProblem(text) ?? (allowPrivate ? undefined : publicUrlProblem(text));
}

/** What of a URL may be shown. */
export function shownUrl(url: string): string {
  return URL.parse(url)?.origin ?? '(not a URL)';
}
