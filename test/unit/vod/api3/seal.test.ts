import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openSealed, seal } from '../../../../src/vod/api3/seal.ts';
import { codePoint } from '../../code-point.ts';

const KEY = 'plantedSecretKey/+=plantedSecretKey0';
const text = fc.string({ unit: codePoint, maxLength: 300 });

describe('a sealed text', () => {
  test('opens with the same key for the same upload', () => {
    fc.assert(
      fc.property(text, text, text, (key, uploadId, plain) => {
        expect(openSealed(key, uploadId, seal(key, uploadId, plain))).toBe(plain);
      }),
    );
  });

  test('has a version, no readable content, and is another text each time', () => {
    const [one, other] = [seal(KEY, 'u1', 'a secret token'), seal(KEY, 'u1', 'a secret token')];
    expect(one).toMatch(/^1\.[\w-]+$/);
    expect(one).not.toBe(other);
    expect(Buffer.from(one.slice(2), 'base64url').toString('latin1')).not.toContain('secret');
  });

  test('opens with no other key, and for no other upload', () => {
    const sealed = seal(KEY, 'u1', 'text');
    fc.assert(
      fc.property(text, (other) => {
        expect(openSealed(`${KEY}${other}!`, 'u1', sealed)).toBeUndefined();
        expect(openSealed(KEY, `u1${other}!`, sealed)).toBeUndefined();
      }),
    );
  });

  test('does not open if any character is changed, or any are missing or added', () => {
    const sealed = seal(KEY, 'u1', 'text');
    for (let index = 0; index < sealed.length; index++) {
      const changed = sealed[index] === 'A' ? 'B' : 'A';
      expect(
        openSealed(KEY, 'u1', sealed.slice(0, index) + changed + sealed.slice(index + 1)),
      ).toBeUndefined();
      expect(openSealed(KEY, 'u1', sealed.slice(0, index))).toBeUndefined();
    }
    for (const end of ['A', '=', '.', '.A', ' ']) expect(openSealed(KEY, 'u1', sealed + end)).toBeUndefined();
  });

  test('is nothing but a sealed text: whatever else there is does not open, and does not throw', () => {
    fc.assert(
      fc.property(text, (one) => {
        expect(openSealed(KEY, 'u1', one)).toBeUndefined();
        expect(openSealed(KEY, 'u1', `1.${one}`)).toBeUndefined();
        expect(openSealed(KEY, 'u1', `1.${Buffer.from(one).toString('base64url')}`)).toBeUndefined();
      }),
    );
  });

  test('of this version opens as long as the version stays', () => {
    const sealed = '1.rcLU24FaftStqJm2jwHH2HO4yhbiBiVtcbDFuilKvt7b5fApRL6QrzQDSI1d02s';
    expect(openSealed(KEY, 'u1', sealed)).toBe('{"phase":"applied"}');
  });
});
