import type { LookupAddress } from 'node:dns';
import fc from 'fast-check';
import { expect, it, test } from 'vitest';
import { isPrivateAddress, publicLookup } from '../../../../src/notify/webhook/address.ts';
import { publicUrlProblem, shownUrl, webhookUrlProblem } from '../../../../src/notify/webhook/url.ts';

test.each([
  '0.0.0.0',
  '0.1.2.3',
  '10.255.0.1',
  '100.64.0.1',
  '100.127.255.255',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '198.19.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::7f00:1',
  '::ffff:127.0.0.1',
  '::ffff:a9fe:a9fe',
  // Translated IPv4 (SIIT).
  '::ffff:0:7f00:1',
  '::ffff:0:808:808',
  '64:ff9b::7f00:1',
  '64:ff9b:1::7f00:1',
  '100::1',
  // Unallocated.
  '1::1',
  '4000::1',
  '8000::1',
  '2001:db8::1',
  '3fff::1',
  '5f00::1',
  'fe80::1%eth0',
  '192.0.0.8',
  '192.0.2.1',
  '192.88.99.1',
  '198.51.100.1',
  '203.0.113.1',
  '240.0.0.1',
  // Not addresses, but some programs read them as 127.0.0.1.
  '1',
  '2130706433',
  '0x7f.1',
  '2001::1',
  '2002:7f00:1::',
  'fc00::1',
  'fdff::1',
  'fe80::1',
  'fec0::1',
  'ff02::1',
  'not an address',
  '',
])('%s is private', (address) => expect(isPrivateAddress(address)).toBe(true));

test.each([
  '1.1.1.1',
  '8.8.8.8',
  '100.63.255.255',
  '100.128.0.0',
  '172.32.0.1',
  '192.169.0.1',
  '223.255.255.255',
  '2606:4700::1111',
  '2a00::1',
  '2001:4860:4860::8888',
  '::ffff:8.8.8.8',
])('%s is public', (address) => expect(isPrivateAddress(address)).toBe(false));

test('an IPv4-mapped IPv6 address is treated as its IPv4 address', () => {
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      const normal = new URL(`http://${address}`).hostname;
      expect(isPrivateAddress(`::ffff:${normal}`)).toBe(isPrivateAddress(normal));
    }),
  );
});

/** The addresses that a connection to a name would use. */
function lookup(host: string, name: string, all: boolean): Promise<unknown> {
  return new Promise((resolve, reject) => {
    publicLookup(host)(name, { all }, (error, found: string | LookupAddress[]) =>
      error ? reject(error) : resolve(found),
    );
  });
}

it('rejects a receiver that resolves to private addresses, and does not restrict other names', async () => {
  for (const all of [true, false]) {
    await expect(lookup('localhost', 'localhost', all)).rejects.toMatchObject({
      code: 'PRIVATE_ADDRESS',
      message: 'localhost has no public address',
    });
  }
  expect(['127.0.0.1', '::1']).toContain(await lookup('receiver.example', 'localhost', false));
  expect(await lookup('8.8.8.8', '8.8.8.8', true)).toEqual([{ address: '8.8.8.8', family: 4 }]);
});

test.each([
  ['https://example.com/hook?token=x', undefined, undefined],
  ['http://example.com/', undefined, 'must begin with https://'],
  ['https://[::1]:8443/', undefined, 'must not name a private address'],
  ['https://2130706433/', undefined, 'must not name a private address'],
  ['https://0177.0.0.1/', undefined, 'must not name a private address'],
  ['https://user@example.com/', 'must not contain a user or password', undefined],
  ['https://:pass@example.com/', 'must not contain a user or password', undefined],
  ['https://example.com/#x', 'must not contain a fragment (#)', undefined],
  ['example.com', 'must be a URL that begins with https://', undefined],
  ['file:///etc/passwd', 'must be a URL that begins with https://', undefined],
  [`https://e/${'a'.repeat(2040)}`, 'must be at most 2048 characters', undefined],
])('%s: %s', (url, problem, publicProblem) => {
  expect(webhookUrlProblem(url)).toBe(problem);
  if (problem === undefined) expect(publicUrlProblem(url)).toBe(publicProblem);
});

test('shownUrl returns only the origin', () => {
  expect(shownUrl('https://example.com:8443/secret?token=secret')).toBe('https://example.com:8443');
  expect(shownUrl('no url')).toBe('(not a URL)');
});
