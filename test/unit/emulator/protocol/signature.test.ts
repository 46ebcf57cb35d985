import { describe, expect, it } from 'vitest';
import { parseQuery } from '../../../../src/emulator/protocol/query.ts';
import { signatureOf, signedText, verifySignature } from '../../../../src/emulator/protocol/signature.ts';

const knownKey = 'Gu5t9xGARNpq86cd98joQYCN3Cozk1qA';
const knownQuery =
  'Action=DescribeInstances&SecretId=AKIDz8krbsJ5yKBZQpn74WFkmLPx3gnPhESA&Timestamp=1465185768' +
  '&Nonce=11886&Region=gz&instanceIds.0=ins-09dx96dg&limit=20&offset=0';
const known = { method: 'GET', host: 'cvm.api.qcloud.com', path: '/v2/index.php' };
const knownSignature = 'NSI3UqqD99b/UJb4tbG/xZpRW64=';

describe('signature', () => {
  it('returns the documented signature', () => {
    const text = signedText(known, parseQuery(knownQuery));
    expect(text).toBe(
      'GETcvm.api.qcloud.com/v2/index.php?Action=DescribeInstances&Nonce=11886&Region=gz' +
        '&SecretId=AKIDz8krbsJ5yKBZQpn74WFkmLPx3gnPhESA&Timestamp=1465185768' +
        '&instanceIds.0=ins-09dx96dg&limit=20&offset=0',
    );
    expect(signatureOf(text, knownKey)).toBe(knownSignature);
  });

  it('omits Signature, sorts upper case first and replaces _ in names by .', () => {
    const params = parseQuery('dataSize=1&Signature=x&Action=A&b_c=1_2');
    expect(signedText({ method: 'POST', host: 'h', path: '/p' }, params)).toBe(
      'POSTh/p?Action=A&b.c=1_2&dataSize=1',
    );
  });

  it('accepts the host with and without its port', () => {
    const params = parseQuery(`${knownQuery}&Signature=${knownSignature}`);
    const target = { ...known, host: 'cvm.api.qcloud.com:8443' };
    expect(() => verifySignature(target, params, knownKey, 4100)).not.toThrow();
    const withPort = signatureOf(signedText(target, params), knownKey);
    const signed = parseQuery(`${knownQuery}&Signature=${withPort}`);
    expect(() => verifySignature(target, signed, knownKey, 4100)).not.toThrow();
    const refuse = expect.objectContaining({ code: 4100 });
    expect(() => verifySignature(known, signed, knownKey, 4100)).toThrow(refuse);
  });

  it('refuses a wrong signature, an empty one and an unknown method', () => {
    const check = (rest: string) => () =>
      verifySignature(known, parseQuery(knownQuery + rest), knownKey, -10002);
    const wrong = expect.objectContaining({ code: -10002, canRetry: 0 });
    expect(check('&Signature=NSI3UqqD99b/UJb4tbG/xZpRW65=')).toThrow(wrong);
    expect(check('')).toThrow(wrong);
    expect(check(`&SignatureMethod=HmacMD5&Signature=${knownSignature}`)).toThrow(
      expect.objectContaining({ code: 4000 }),
    );
    expect(check(`&SignatureMethod=HmacSHA256&Signature=${knownSignature}`)).toThrow(wrong);
  });
});

describe('query', () => {
  it('decodes escapes and keeps other %', () => {
    expect(Object.fromEntries(parseQuery('a=%E8%A7%86%20x&b=100%&c=1+2&d=x==&e&&f=%zz'))).toEqual({
      a: '视 x',
      b: '100%',
      c: '1+2',
      d: 'x==',
      e: '',
      f: '%zz',
    });
  });

  it('refuses a duplicate name', () => {
    expect(() => parseQuery('a=1&a=2')).toThrow(expect.objectContaining({ code: 4000 }));
  });
});
