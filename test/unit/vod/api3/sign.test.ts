import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Tc3Request, tc3Authorization, tc3Signature } from '../../../../src/vod/api3/sign.ts';

/** The vendor's own signing. Its types do not name `sign3`. */
interface Oracle {
  sign3(options: {
    method: 'POST';
    url: string;
    payload: Buffer;
    timestamp: number;
    service: string;
    secretId: string;
    secretKey: string;
    headers: Record<string, string>;
  }): string;
}
const ORACLE_FILE = 'tencentcloud-sdk-nodejs-common/tencentcloud/common/sign.js';
const { default: loaded } = (await import(ORACLE_FILE)) as { default: Oracle | { default: Oracle } };
const oracle: Oracle = 'sign3' in loaded ? loaded : loaded.default;

const EXAMPLE: Tc3Request = {
  service: 'cvm',
  method: 'POST',
  path: '/',
  headers: { 'content-type': 'application/json; charset=utf-8', host: 'cvm.tencentcloudapi.com' },
  body: String.raw`{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`,
  timestamp: 1551113065,
};

test('the published example', () => {
  expect(createHash('sha256').update(EXAMPLE.body).digest('hex')).toBe(
    '35e9c5b0e3ae67532d3c9f17ead6c90222632e5b1ff7f6e89887f1398934f064',
  );
  const signature = tc3Signature(EXAMPLE, 'Gu5t9xGARNpq86cd98joQYCN3EXAMPLE');
  expect(signature).toBe('72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168');
  expect(tc3Authorization(EXAMPLE, 'AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE', signature)).toBe(
    'TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request, ' +
      `SignedHeaders=content-type;host, Signature=${signature}`,
  );
});

test('the published example that signs a third header, whose value counts in lower case', () => {
  const headers = { ...EXAMPLE.headers, 'x-tc-action': 'DescribeInstances' };
  expect(tc3Signature({ ...EXAMPLE, headers }, 'Gu5t9xGARNpq86cd98joQYCN3*******')).toBe(
    'be4f67d323c78ab9acb7395e43c0dbcf822a9cfac32fea2449a7bc7726b770a3',
  );
});

test("any request is signed as the vendor's client signs it", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 500 }),
      fc.integer({ min: 0, max: 4_102_444_800 }),
      fc.string({ minLength: 1 }),
      fc.constantFrom(
        'vod.tencentcloudapi.com',
        'vod.intl.tencentcloudapi.com',
        'vod.ap-beijing.tencentcloudapi.com',
      ),
      fc.constantFrom('/', '/gateway/', '/a%20b'),
      (bytes, timestamp, secretKey, host, path) => {
        const body = Buffer.from(bytes);
        const request = {
          ...{ service: 'vod', method: 'POST', path, body, timestamp },
          headers: { host, 'content-type': 'application/json' },
        };
        expect(tc3Authorization(request, 'AKIDany', tc3Signature(request, secretKey))).toBe(
          oracle.sign3({
            ...{ method: 'POST', url: `https://${host}${path}`, payload: body, timestamp, service: 'vod' },
            ...{ secretId: 'AKIDany', secretKey, headers: { 'Content-Type': 'application/json' } },
          }),
        );
      },
    ),
    { numRuns: 3000 },
  );
});
