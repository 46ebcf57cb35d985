import { type LookupAddress, lookup as resolve } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/*
 * Where webhooks may go: whoever may enqueue uploads names a URL, and a worker's network has more in it than that
 * somebody is to reach.
 */

/** What IANA has given out to the Internet so far; the rest of IPv6 holds IPv4 addresses in all kinds of disguise. */
const GLOBAL_UNICAST_V6 = ipaddr.IPv6.parseCIDR('2000::/3');

/** Whether an address is none of the public Internet; an IPv4 address mapped into IPv6 is judged as what it is. */
export function isPrivateAddress(address: string): boolean {
  // ipaddr.js reads more than addresses: `1` is one to it.
  if (isIP(address) === 0) return true;
  const parsed = ipaddr.process(address);
  if (parsed.range() !== 'unicast') return true;
  return parsed instanceof ipaddr.IPv6 && !parsed.match(GLOBAL_UNICAST_V6);
}

/** The address that a URL's host is, when it is not a name. */
export function literalAddress(url: URL): string | undefined {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(host) === 0 ? undefined : host;
}

/** A name leads, now, to addresses only that are not to be reached. */
export class PrivateAddressError extends Error {
  readonly code = 'PRIVATE_ADDRESS';
}

/**
 * Resolves names for connections, to public addresses only. What is checked is what is connected to, so a name that
 * leads elsewhere a moment later gains nothing.
 * @param host the name that is bound to that; others, such as a proxy's, are resolved as they are
 */
export function publicLookup(host: string): LookupFunction {
  return (hostname, options, done) => {
    const all = { ...options, all: true } as const;
    resolve(hostname, all, (error, addresses: LookupAddress[]) => {
      if (error) return done(error, '', 0);
      const allowed =
        hostname === host ? addresses.filter(({ address }) => !isPrivateAddress(address)) : addresses;
      const [first] = allowed;
      if (first === undefined)
        return done(new PrivateAddressError(`${hostname} has no public address`), '', 0);
      if (options.all) done(null, allowed);
      else done(null, first.address, first.family);
    });
  };
}
