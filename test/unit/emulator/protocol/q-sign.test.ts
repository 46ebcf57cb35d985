import COS from 'cos-nodejs-sdk-v5';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSignedBy, parseQSign, qSignature } from '../../../../src/emulator/protocol/q-sign.ts';

const secretKey = 'BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz';
const host = 'examplebucket-1250000000.cos.ap-beijing.myqcloud.com';

describe('q-sign', () => {
  it('returns the published signature of a PUT', () => {
    const headers = {
      'content-length': '13',
      'content-md5': 'mQ/fVh815F3k6TAUm8m0eg==',
      'content-type': 'text/plain',
      date: 'Thu, 16 May 2019 06:45:51 GMT',
      host,
      'x-cos-acl': 'private',
      'x-cos-grant-read': 'uin="100000000011"',
    };
    const times = '1557989151;1557996351';
    const sign = {
      signTime: times,
      keyTime: times,
      headerList: Object.keys(headers),
      parameterList: [],
    };
    const request = { method: 'PUT', path: '/exampleobject(腾讯云)', query: new Map(), headers };
    expect(qSignature(request, sign, secretKey)).toBe('3b8851a11a569213c17ba8fa7dcf2abec6935172');
  });

  it('returns the published signature of a GET with parameters', () => {
    const headers = { date: 'Thu, 16 May 2019 06:55:53 GMT', host };
    const times = '1557989753;1557996953';
    const sign = {
      signTime: times,
      keyTime: times,
      headerList: ['date', 'host'],
      parameterList: ['response-cache-control', 'response-content-type'],
    };
    const query = new Map([
      ['response-content-type', 'application/octet-stream'],
      ['response-cache-control', 'max-age=600'],
    ]);
    const request = { method: 'GET', path: '/exampleobject(腾讯云)', query, headers };
    expect(qSignature(request, sign, secretKey)).toBe('01681b8c9d798a678e43b685a9f1bba0f6c0e012');
  });

  const text = fc.string({ minLength: 1, unit: 'grapheme' });
  const requests = fc.record({
    secretId: fc.stringMatching(/^[A-Za-z0-9_-]{1,40}$/),
    secretKey: text,
    method: fc.constantFrom('PUT', 'POST', 'GET', 'HEAD', 'DELETE'),
    key: text.filter((key) => !key.startsWith('/')),
    // Names that differ in more than their case: the vendor's order of others depends on the order of insertion.
    query: fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/), fc.string({ unit: 'grapheme' }), {
      noNullPrototype: true,
    }),
    contentType: fc.stringMatching(/^[a-z/;= -]*$/),
    keyTime: fc.constantFrom('1557989753;1557996953', '0;1'),
  });

  it('accepts what the vendor signs, and refuses it with any change', () => {
    fc.assert(
      fc.property(requests, fc.nat(), ({ secretId, secretKey, method, key, ...given }, position) => {
        const { query, contentType, keyTime } = given;
        const headers = { host, 'content-type': contentType, 'x-cos-meta-name': key };
        const authorization = COS.getAuthorization({
          ...{ SecretId: secretId, SecretKey: secretKey, Method: method as 'GET', Key: key },
          ...{ Query: query, Headers: headers, KeyTime: keyTime },
        } as Parameters<typeof COS.getAuthorization>[0]);
        const request = { method, path: `/${key}`, query: new Map(Object.entries(query)), headers };
        const isAccepted = (changed: object, signed = authorization): boolean => {
          const sign = parseQSign(signed);
          return sign !== undefined && isSignedBy({ ...request, ...changed }, sign, secretKey);
        };
        expect(isAccepted({})).toBe(true);
        expect(isAccepted({ path: `/${key}a` })).toBe(false);
        expect(isAccepted({ method: method === 'PUT' ? 'GET' : 'PUT' })).toBe(false);
        expect(isAccepted({ headers: { ...headers, host: `a${host}` } })).toBe(false);
        expect(isAccepted({ headers: { ...headers, 'content-type': `${contentType}a` } })).toBe(false);
        expect(isAccepted({ query: new Map([...request.query, ['zz-added', '']]) })).toBe(false);
        for (const name of Object.keys(query)) {
          expect(isAccepted({ query: new Map([...request.query, [name, `${query[name]}a`]]) })).toBe(false);
        }
        const signature = authorization.length - 40 + (position % 40);
        const digit = authorization.charAt(signature) === '0' ? '1' : '0';
        const forged = authorization.slice(0, signature) + digit + authorization.slice(signature + 1);
        expect(isAccepted({}, forged)).toBe(false);
        const times = keyTime === '0;1' ? '0;2' : '1557989753;1557996954';
        expect(isAccepted({}, authorization.replace(`q-sign-time=${keyTime}`, `q-sign-time=${times}`))).toBe(
          false,
        );
        expect(isAccepted({}, authorization.replace(`q-key-time=${keyTime}`, `q-key-time=${times}`))).toBe(
          false,
        );
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    '',
    'q-sign-algorithm=sha1',
    'q-sign-algorithm=md5&q-ak=a&q-sign-time=1;2&q-key-time=1;2&q-header-list=&q-url-param-list=&q-signature=a',
  ])('refuses a malformed header: %s', (authorization) => {
    expect(parseQSign(authorization)).toBeUndefined();
  });
});
