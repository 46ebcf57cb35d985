import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  encodeQuery,
  type Params,
  percentEncode,
  type SignedTarget,
  sign,
  stringToSign,
} from '../../../../src/vod/wire/sign.ts';
import { codePoint } from '../../code-point.ts';

/** The service's published example (for the host of another product, with the same rule). */
const KNOWN = {
  key: 'Gu5t9xGARNpq86cd98joQYCN3Cozk1qA',
  target: { method: 'GET', host: 'cvm.api.qcloud.com', path: '/v2/index.php' } satisfies SignedTarget,
  params: {
    limit: '20',
    offset: '0',
    Timestamp: '1465185768',
    SecretId: 'AKIDz8krbsJ5yKBZQpn74WFkmLPx3gnPhESA',
    Region: 'gz',
    'instanceIds.0': 'ins-09dx96dg',
    Nonce: '11886',
    Action: 'DescribeInstances',
  },
  text: 'GETcvm.api.qcloud.com/v2/index.php?Action=DescribeInstances&Nonce=11886&Region=gz&SecretId=AKIDz8krbsJ5yKBZQpn74WFkmLPx3gnPhESA&Timestamp=1465185768&instanceIds.0=ins-09dx96dg&limit=20&offset=0',
  signature: 'NSI3UqqD99b/UJb4tbG/xZpRW64=',
};
const TARGET: SignedTarget = { method: 'POST', host: 'vod2.qcloud.com', path: '/v2/index.php' };

/** Parses a query like a server and computes its signature, without the code under test. */
function verify(query: string, secretKey: string, hash: string): boolean {
  const received = new Map<string, string>();
  for (const piece of query.split('&')) {
    const at = piece.indexOf('=');
    received.set(decodeURIComponent(piece.slice(0, at)), decodeURIComponent(piece.slice(at + 1)));
  }
  const claimed = received.get('Signature');
  received.delete('Signature');
  const names = [...received.keys()].sort((a, b) =>
    Buffer.from(a).toString('hex') < Buffer.from(b).toString('hex') ? -1 : 1,
  );
  let text = 'POSTvod2.qcloud.com/v2/index.php?';
  for (const [index, name] of names.entries()) {
    text += `${index > 0 ? '&' : ''}${name.split('_').join('.')}=${received.get(name)}`;
  }
  return createHmac(hash, secretKey).update(Buffer.from(text)).digest('base64') === claimed;
}

const awkward = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      ' ',
      '+',
      '&',
      '=',
      '%',
      '_',
      '.',
      "'",
      '(',
      '*',
      '#',
      '?',
      '/',
      '中',
      '🎬',
      'A',
      'z',
      '0',
    ),
    codePoint,
  ),
  maxLength: 12,
});
const names = awkward.filter((name) => name !== '' && name !== 'Signature' && name !== '__proto__');
const params: fc.Arbitrary<Params> = fc.dictionary(names, awkward, { maxKeys: 12, noNullPrototype: true });

describe('stringToSign', () => {
  test('is the published example text', () => {
    expect(stringToSign(KNOWN.target, KNOWN.params)).toBe(KNOWN.text);
  });
  test('sorts by byte: capitals first, and above U+FFFF by code point', () => {
    const text = stringToSign(TARGET, {
      dataSize: '1',
      Action: '2',
      '\u{1F3AC}': '3',
      '\uFFEE': '4',
      _a: '5',
    });
    expect(text).toBe('POSTvod2.qcloud.com/v2/index.php?Action=2&.a=5&dataSize=1&\uFFEE=4&\u{1F3AC}=3');
  });
  test('replaces each _ in names by . and keeps values; excludes Signature', () => {
    expect(stringToSign(TARGET, { a_b_c: 'x_y &=%+', Signature: 'no' })).toBe(
      'POSTvod2.qcloud.com/v2/index.php?a.b.c=x_y &=%+',
    );
  });
  test('does not depend on the order of the parameters', () => {
    fc.assert(
      fc.property(params, fc.infiniteStream(fc.nat()), (given, keys) => {
        const shuffled = Object.entries(given)
          .map((entry) => ({ entry, key: keys.next().value as number }))
          .sort((a, b) => a.key - b.key)
          .map(({ entry }) => entry);
        expect(stringToSign(TARGET, Object.fromEntries(shuffled))).toBe(stringToSign(TARGET, given));
      }),
    );
  });
});

describe('sign', () => {
  test('is the published example signature', () => {
    expect(sign(KNOWN.target, KNOWN.params, KNOWN.key, 'HmacSHA1')).toBe(KNOWN.signature);
  });
  test.each([
    ['HmacSHA1', 'nPVnY6njQmwQ8ciqbPl5Qe+Oru4='],
    ['HmacSHA256', '0EEm/HtGRr/VJXTAD9tYMth1Bzm3lLHz5RCDv1GdM8s='],
  ] as const)('gives the published example signature with SignatureMethod=%s', (method, signature) => {
    const params = {
      Action: 'DescribeInstances',
      'InstanceIds.0': 'ins-09dx96dg',
      Nonce: '11886',
      Region: 'ap-guangzhou',
      SecretId: KNOWN.params.SecretId,
      SignatureMethod: method,
      Timestamp: '1465185768',
    };
    expect(sign(KNOWN.target, params, KNOWN.key, method)).toBe(signature);
  });
  test.each([
    ['HmacSHA1', 'sha1'],
    ['HmacSHA256', 'sha256'],
  ] as const)('a server that reads the query back agrees (%s)', (method, hash) => {
    fc.assert(
      fc.property(params, fc.string({ minLength: 1 }), (given, key) => {
        const query = encodeQuery({ ...given, Signature: sign(TARGET, given, key, method) });
        expect(verify(query, key, hash)).toBe(true);
        expect(verify(query, `${key}x`, hash)).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
  test('every part of a request is covered', () => {
    const one = (target: Partial<SignedTarget>, extra: Params = {}) =>
      sign({ ...TARGET, ...target }, { a: '1', ...extra }, 'key', 'HmacSHA1');
    const all = [
      one({}),
      one({ method: 'GET' }),
      one({ host: 'x' }),
      one({ path: '/' }),
      one({}, { b: '' }),
      one({}, { a: '2' }),
    ];
    expect(new Set(all).size).toBe(all.length);
  });
});

describe('encodeQuery', () => {
  test('has only unreserved characters', () => {
    expect(encodeQuery({ 'a b': "c+d&e=f%g!'()*~-_.中" })).toBe(
      'a%20b=c%2Bd%26e%3Df%25g%21%27%28%29%2A~-_.%E4%B8%AD',
    );
  });
  test('can be parsed from a URL', () => {
    fc.assert(
      fc.property(params, (given) => {
        const url = new URL('https://vod2.qcloud.com/v2/index.php');
        url.search = encodeQuery(given);
        expect(url.search.slice(1)).toBe(encodeQuery(given));
        expect(url.search).toMatch(/^[?A-Za-z0-9\-_.~%=&]*$/);
        expect(Object.fromEntries(url.searchParams)).toEqual(given);
      }),
    );
  });
  test('a lone surrogate is sent and signed as U+FFFD', () => {
    expect(percentEncode('a\uD83C')).toBe('a%EF%BF%BD');
    expect(stringToSign(TARGET, { n: 'a\uD83C' })).toContain('n=a\uFFFD');
  });
});
