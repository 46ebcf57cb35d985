import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formParameters, parseForm, verifyForm } from '../../../../src/emulator/protocol/api3-form.ts';
import { Api3Refusal } from '../../../../src/emulator/protocol/api3-reply.ts';
import { Sign } from '../api3-support.ts';

const account = { secretId: 'AKIDtest', secretKey: 'test-key' };
const host = 'vod.tencentcloudapi.com';
const nowMs = Date.UTC(2026, 0, 1);

/** @returns the form, signed as the vendor's SDK does */
function signedForm(
  fields: Readonly<Record<string, string>>,
  signMethod = 'HmacSHA256',
): Map<string, string> {
  const timestamp = String(nowMs / 1000);
  const all: Record<string, string> = {
    ...{ Action: 'ApplyUpload', Version: '2018-07-17', Timestamp: timestamp, Nonce: '1' },
    ...{ SecretId: account.secretId, SignatureMethod: signMethod },
    ...fields,
  };
  const text = Object.keys(all)
    .sort()
    .map((name) => `${name}=${all[name]}`)
    .join('&');
  const Signature = Sign.sign(account.secretKey, `POST${host}/?${text}`, signMethod);
  return new Map(Object.entries({ ...all, Signature }));
}

function codeOf(form: ReadonlyMap<string, string>, signedHost = host): string {
  try {
    verifyForm(form, signedHost, account, nowMs);
    return 'accepted';
  } catch (error) {
    return error instanceof Api3Refusal ? error.code : String(error);
  }
}

describe('signatures in forms', () => {
  it.each(['HmacSHA1', 'HmacSHA256'])('accepts what the vendor signs by %s, and no change', (method) => {
    const fields = fc.dictionary(fc.stringMatching(/^[A-Z][A-Za-z.0-9]{0,20}$/), fc.string(), {
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(fields, (given) => {
        const own = Object.fromEntries(Object.entries(given).filter(([name]) => !/^[ASTNV]/.test(name)));
        const form = signedForm(own, method);
        expect(codeOf(form)).toBe('accepted');
        expect(codeOf(form, `${host}:443`)).toBe('accepted');
        expect(codeOf(form, 'vod.example.com')).toBe('AuthFailure.SignatureFailure');
        const added = new Map([...form, ['Z', '1']]);
        expect(codeOf(added)).toBe('AuthFailure.SignatureFailure');
        for (const [name, value] of Object.entries(own)) {
          const changed = new Map([...form, [name, `${value}x`]]);
          expect(codeOf(changed)).toBe('AuthFailure.SignatureFailure');
        }
      }),
    );
  });

  it.each([
    [{ SecretId: 'AKIDother' }, 'AuthFailure.SecretIdNotFound'],
    [{ Timestamp: String(nowMs / 1000 - 301) }, 'AuthFailure.SignatureExpire'],
    [{ Timestamp: 'x' }, 'AuthFailure.SignatureExpire'],
  ])('refuses %o with %s', (fields, code) => {
    expect(codeOf(signedForm(fields))).toBe(code);
  });

  it('refuses another SignatureMethod', () => {
    const form = new Map([...signedForm({}), ['SignatureMethod', 'HmacMD5']]);
    expect(codeOf(form)).toBe('AuthFailure.SignatureFailure');
  });

  it('parses lists, and numbers where the action has them', () => {
    const form = parseForm(Buffer.from('Action=SearchMedia&Names.0=a%20b&Names.1=7&ClassIds.0=3&Limit=5'));
    expect(formParameters('SearchMedia', form)).toEqual({ Names: ['a b', '7'], ClassIds: [3], Limit: 5 });
    const apply = parseForm(Buffer.from('MediaType=mp4&SourceContext=7&ClassId=7&SubAppId=1&Other=x'));
    expect(formParameters('ApplyUpload', apply)).toEqual({
      MediaType: 'mp4',
      SourceContext: '7',
      ClassId: 7,
      SubAppId: 1,
      Other: 'x',
    });
  });
});
