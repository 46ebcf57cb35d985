import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type CosRequest,
  cosAuthorization,
  cosSignature,
  type Validity,
} from '../../../../src/vod/cos/sign.ts';

/** The vendor's own signing. Its types do not name the options that are used here. */
const oracle = createRequire(import.meta.url)('cos-nodejs-sdk-v5') as {
  getAuthorization(options: Record<string, unknown>): string;
};

const SECRET_ID = 'AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q';
const SECRET_KEY = 'BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz';
const HOST = 'examplebucket-1250000000.cos.ap-beijing.myqcloud.com';

test('the published example of a PUT', () => {
  const request: CosRequest = {
    method: 'PUT',
    path: '/exampleobject(腾讯云)',
    query: {},
    headers: {
      date: 'Thu, 16 May 2019 06:45:51 GMT',
      host: HOST,
      'content-type': 'text/plain',
      'content-length': '13',
      'content-md5': 'mQ/fVh815F3k6TAUm8m0eg==',
      'x-cos-acl': 'private',
      'x-cos-grant-read': 'uin="100000000011"',
    },
  };
  const validity = { from: 1557989151, to: 1557996351 };
  const signature = cosSignature(request, SECRET_KEY, validity);
  expect(signature).toBe('3b8851a11a569213c17ba8fa7dcf2abec6935172');
  expect(cosAuthorization(request, SECRET_ID, validity, signature)).toBe(
    `q-sign-algorithm=sha1&q-ak=${SECRET_ID}&q-sign-time=1557989151;1557996351&q-key-time=1557989151;1557996351` +
      '&q-header-list=content-length;content-md5;content-type;date;host;x-cos-acl;x-cos-grant-read' +
      `&q-url-param-list=&q-signature=${signature}`,
  );
});

test('the published example of a GET with a query', () => {
  const request: CosRequest = {
    method: 'GET',
    path: '/exampleobject(腾讯云)',
    query: { 'response-content-type': 'application/octet-stream', 'response-cache-control': 'max-age=600' },
    headers: { date: 'Thu, 16 May 2019 06:55:53 GMT', host: HOST },
  };
  expect(cosSignature(request, SECRET_KEY, { from: 1557989753, to: 1557996953 })).toBe(
    '01681b8c9d798a678e43b685a9f1bba0f6c0e012',
  );
});

test("any request is signed as the vendor's client signs it", () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 40 });
  const words = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
  // The vendor's client signs these headers only.
  const header = fc.constantFrom(
    'content-md5',
    'content-type',
    'host',
    'x-cos-acl',
    'x-cos-security-token',
    'x-cos-a',
  );
  const parameter = fc.constantFrom(
    'uploads',
    'partNumber',
    'uploadId',
    'prefix',
    'max-parts',
    'part-number-marker',
  );
  const time = fc.integer({ min: 0, max: 4_102_444_800 });
  fc.assert(
    fc.property(
      fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'HEAD'),
      words.map((path) => `/${path}`),
      fc.dictionary(parameter, text, { noNullPrototype: true }),
      fc.dictionary(header, words, { noNullPrototype: true }),
      words,
      fc.record({ from: time, to: time }),
      (method, path, query, headers, secretKey, validity: Validity) => {
        const request: CosRequest = { method, path, query, headers };
        const signature = cosSignature(request, secretKey, validity);
        expect(cosAuthorization(request, SECRET_ID, validity, signature)).toBe(
          oracle.getAuthorization({
            ...{ SecretId: SECRET_ID, SecretKey: secretKey, KeyTime: `${validity.from};${validity.to}` },
            ...{ Method: method, Pathname: path, Query: query, Headers: headers, ForceSignHost: false },
          }),
        );
      },
    ),
    { numRuns: 5000 },
  );
});
