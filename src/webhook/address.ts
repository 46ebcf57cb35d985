import { type LookupAddress, lookup as resolve } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/*
 * Where webhooks may go: whoever may enqueue uploads names a URL, and a worker's network has more in it than that
 * somebody is to reach.
 */

const BLOCKED_V4: readonly (readonly [network: string, prefix: number])[] = [
  ['0.0.0.0', 8], // this network, and this machine
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // shared by customers of a provider; in clouds, services of the provider
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local: metadata of clouds
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // assignments of protocols
  ['192.0.2.0', 24], // documentation
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16], // private
  ['198.18.0.0', 15], // benchmarks
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, and broadcast
];
const BLOCKED_V6: readonly (readonly [network: string, prefix: number])[] = [
  ['::', 96], // unspecified, loopback, and IPv4 addresses in an old form
  ['64:ff9b::', 96], // IPv4 behind NAT64
  ['64:ff9b:1::', 48], // the same, local
  ['100::', 64], // discard
  ['2001::', 23], // assignments of protocols, Teredo among them
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4: holds any IPv4 address
  ['3fff::', 20], // documentation
  ['5f00::', 16], // segment routing
  ['fc00::', 7], // unique local
  ['fe80::', 10], // link-local
  ['fec0::', 10], // site-local
  ['ff00::', 8], // multicast
];

const blocked = new BlockList();
for (const [network, prefix] of BLOCKED_V4) blocked.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of BLOCKED_V6) blocked.addSubnet(network, prefix, 'ipv6');

/** Whether an address is none of the public Internet; IPv4 addresses within IPv6 ones are judged as what they are. */
export function isPrivateAddress(address: string): boolean {
  const version = isIP(address);
  if (version === 0) return true;
  return blocked.check(address, version === 6 ? 'ipv6' : 'ipv4');
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
