import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Api3Refusal } from '../../../../src/emulator/protocol/api3-reply.ts';
import { type Tc3Request, tc3Signature, verifyTc3 } from '../../../../src/emulator/protocol/tc3.ts';
import { Sign } from '../api3-support.ts';

const host = 'cvm.tencentcloudapi.com';
const published = {
  method: 'POST',
  query: '',
  headers: { host, 'content-type': 'application/json; charset=utf-8', 'x-tc-action': 'DescribeInstances' },
  body: Buffer.from(
    String.raw`{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`,
  ),
} satisfies Tc3Request;
const scope = {
  date: '2019-02-25',
  service: 'cvm',
  timestamp: '1551113065',
  signedHeaders: ['content-type', 'host'],
};

describe('TC3-HMAC-SHA256', () => {
  it('returns the published signatures', () => {
    expect(tc3Signature(published, scope, 'Gu5t9xGARNpq86cd98joQYCN3EXAMPLE')).toBe(
      '72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168',
    );
    const withAction = { ...scope, signedHeaders: ['content-type', 'host', 'x-tc-action'] };
    expect(tc3Signature(published, withAction, 'Gu5t9xGARNpq86cd98joQYCN3*******')).toBe(
      'be4f67d323c78ab9acb7395e43c0dbcf822a9cfac32fea2449a7bc7726b770a3',
    );
  });

  const signedRequests = fc.record({
    secretId: fc.stringMatching(/^[A-Za-z0-9]{1,40}$/),
    secretKey: fc.string({ minLength: 1 }),
    timestamp: fc.integer({ min: 0, max: 4_000_000_000 }),
    host: fc.constantFrom(
      'vod.tencentcloudapi.com',
      '127.0.0.1:9320',
      'vod.ap-guangzhou.tencentcloudapi.com',
    ),
    payload: fc.dictionary(fc.string(), fc.string(), { minKeys: 1 }),
  });

  it('accepts what the vendor signs, and refuses it with any byte changed', () => {
    fc.assert(
      fc.property(signedRequests, fc.nat(), (given, position) => {
        const { secretId, secretKey, timestamp, host, payload } = given;
        const authorization = Sign.sign3({
          ...{ method: 'POST', url: `https://${host}/`, payload, timestamp, service: 'vod' },
          ...{ secretId, secretKey, multipart: false, boundary: '' },
          headers: { 'Content-Type': 'application/json' },
        });
        const headers = {
          host,
          'content-type': 'application/json',
          'x-tc-timestamp': String(timestamp),
          authorization,
        };
        const body = Buffer.from(JSON.stringify(payload));
        const request = { method: 'POST', query: '', headers, body };
        const account = { secretId, secretKey };
        const nowMs = timestamp * 1000;
        const codeOf = (changed: Partial<Tc3Request>): string => {
          try {
            verifyTc3({ ...request, ...changed }, account, nowMs);
            return 'accepted';
          } catch (error) {
            return error instanceof Api3Refusal ? error.code : String(error);
          }
        };
        expect(codeOf({})).toBe('accepted');
        const changedBody = Buffer.from(body);
        const at = position % body.length;
        changedBody.writeUInt8(changedBody.readUInt8(at) ^ 1, at);
        expect(codeOf({ body: changedBody })).toBe('AuthFailure.SignatureFailure');
        expect(codeOf({ query: 'a=1' })).toBe('AuthFailure.SignatureFailure');
        expect(codeOf({ method: 'GET' })).toBe('AuthFailure.SignatureFailure');
        const oneSecondLater = { ...headers, 'x-tc-timestamp': String(timestamp + 1) };
        expect(codeOf({ headers: oneSecondLater })).toBe('AuthFailure.SignatureFailure');
        const other = { ...headers, authorization: changedAt(authorization, position) };
        expect(codeOf({ headers: other })).toMatch(/^AuthFailure\./);
      }),
      { numRuns: 300 },
    );
  });
});

/** Changes one character to another of the same kind. */
function changedAt(text: string, position: number): string {
  const at = position % text.length;
  const character = text.charAt(at);
  const other = character === '0' ? '1' : character === 'a' ? 'b' : /\d/.test(character) ? '0' : 'a';
  return text.slice(0, at) + other + text.slice(at + 1);
}
