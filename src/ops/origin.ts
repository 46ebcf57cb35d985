import { isLoopback } from './listen.ts';

/** Whether a Host header names this machine, as nobody else sees it. */
export function isLoopbackHost(host: string | undefined): boolean {
  const hostname = URL.parse(`http://${host ?? ''}`)?.hostname;
  return hostname !== undefined && isLoopback(hostname.replace(/^\[(.*)\]$/, '$1'));
}

/**
 * Whether a request was made by a page of this address, by a person who follows a link or types the address, or by no
 * browser: not by another site's page for itself. By the browser's `Sec-Fetch-` headers
 * (https://www.w3.org/TR/fetch-metadata/).
 * @param header looks up a request header
 */
export function isOwnLoad(header: (name: string) => string | undefined): boolean {
  const site = header('sec-fetch-site');
  if (site === undefined || site === 'same-origin' || site === 'none') return true;
  return header('sec-fetch-mode') === 'navigate' && header('sec-fetch-dest') === 'document';
}

/**
 * Whether a request was sent by a page of the host that it was sent to, or by no page at all. Browsers of today tell by
 * `Sec-Fetch-Site`, over TLS and on loopback; else by `Origin`, which they add to all requests but GET and HEAD. Where
 * both are missing no browser has sent it: it is curl, or a program.
 * @param header looks up a request header
 */
export function isSameOrigin(header: (name: string) => string | undefined): boolean {
  const site = header('sec-fetch-site');
  // `none` is what a person has typed, and nobody types a POST.
  if (site !== undefined) return site === 'same-origin';
  const origin = header('origin');
  if (origin === undefined) return true;
  // Without the scheme: TLS may have ended at a proxy.
  const from = URL.parse(origin);
  return from !== null && from.host !== '' && from.host === hostOf(header('host'), from.protocol);
}

/** As a URL has it: in small letters, and without the port that its scheme has anyway. */
function hostOf(host: string | undefined, protocol: string): string | undefined {
  return URL.parse(`${protocol}//${host ?? ''}`)?.host;
}
