import { type LookupAddress, lookup as resolve } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/*
 * Protection against server-side request forgery: anyone who can enqueue uploads chooses a webhook URL, and must not
 * reach the private network of the workers with it.
 */

/** The IPv6 range allocated for the Internet by IANA. Other ranges include ways to encode IPv4 addresses. */
const GLOBAL_UNICAST_V6 = ipaddr.IPv6.parseCIDR('2000::/3');

/** Whether an address is not on the public Internet. An IPv4-mapped IPv6 address is treated as its IPv4 address. */
export function isPrivateAddress(address: string): boolean {
  // ipaddr.js accepts more than addresses, such as `1`.
  if (isIP(address) === 0) return true;
  const parsed = ipaddr.process(address);
  if (parsed.range() !== 'unicast') return true;
  return parsed instanceof ipaddr.IPv6 && !parsed.match(GLOBAL_UNICAST_V6);
}

/** The IP address in a URL; undefined when its host is a name. */
export function literalAddress(url: URL): string | undefined {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(host) === 0 ? undefined : host;
}

/** A host name currently resolves to private addresses only. */
export class PrivateAddressError extends Error {
  readonly code = 'PRIVATE_ADDRESS';
}

/**
 * The `lookup` option of a connection that resolves a name to its public addresses only. The checked addresses are the
 * ones connected to, so changing the DNS record after the check (DNS rebinding) has no effect.
 * @param host the name to restrict; other names, such as that of a proxy, are resolved without restriction
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
