import { isLoopback } from './listen.ts';

/** Whether a Host header names the loopback interface. */
export function isLoopbackHost(host: string | undefined): boolean {
  const hostname = URL.parse(`http://${host ?? ''}`)?.hostname;
  return hostname !== undefined && isLoopback(hostname.replace(/^\[(.*)\]$/, '$1'));
}

/**
 * Whether a request comes from a page of this origin, from a person who follows a link or types the address, or from no
 * browser; false when another site's page loads it. Uses the `Sec-Fetch-` headers
 * (https://www.w3.org/TR/fetch-metadata/).
 * @param header looks up a request header
 */
export function isOwnLoad(header: (name: string) => string | undefined): boolean {
  const site = header('sec-fetch-site');
  if (site === undefined || site === 'same-origin' || site === 'none') return true;
  return header('sec-fetch-mode') === 'navigate' && header('sec-fetch-dest') === 'document';
}

/**
 * Whether a request was sent by a page of the same host, or by no page at all. Browsers send `Sec-Fetch-Site` over TLS and
 * on loopback, and `Origin` with all requests but GET and HEAD. A request with neither is from curl or another program.
 * @param header looks up a request header
 */
export function isSameOrigin(header: (name: string) => string | undefined): boolean {
  const site = header('sec-fetch-site');
  // `none` means a typed address, which is never a POST.
  if (site !== undefined) return site === 'same-origin';
  const origin = header('origin');
  if (origin === undefined) return true;
  // The scheme is ignored: a proxy may have terminated TLS.
  const from = URL.parse(origin);
  return from !== null && from.host !== '' && from.host === hostOf(header('host'), from.protocol);
}

/** As in a URL: in lower case, and without the scheme's default port. */
function hostOf(host: string | undefined, protocol: string): string | undefined {
  return URL.parse(`${protocol}//${host ?? ''}`)?.host;
}
