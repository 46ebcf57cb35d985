import { describe, expect, it } from 'vitest';
import { AccessRules } from '../../../../src/emulator/protocol/access.ts';
import { parseQuery } from '../../../../src/emulator/protocol/query.ts';
import { HeldTime } from '../held-time.ts';
import { callerOf, queryOf, SECRET_ID, SECRET_KEY, send, start } from '../support.ts';

const target = { method: 'GET', host: 'vod.test', path: '/v2/index.php' };

function rules(startSeconds: number) {
  let nowMs = startSeconds * 1000;
  const access = new AccessRules({ secretId: SECRET_ID, secretKey: SECRET_KEY }, 7200, () => nowMs);
  const check = (timestamp: number, nonce: number | string) => {
    const params = { Action: 'X', Region: 'gz', SecretId: SECRET_ID, Timestamp: timestamp, Nonce: nonce };
    access.check(target, parseQuery(queryOf('GET', target.host, target.path, params)));
  };
  return { access, check, advance: (seconds: number) => (nowMs += seconds * 1000) };
}

const refusal = (code: number, message?: RegExp) =>
  expect.objectContaining({ code, ...(message && { message: expect.stringMatching(message) }) });

describe('access', () => {
  it('refuses a repeated nonce only with the same timestamp', () => {
    const { check } = rules(1_700_000_000);
    check(1_700_000_000, 7);
    expect(() => check(1_700_000_000, 7)).toThrow(refusal(4500, /Nonce 7/));
    check(1_700_000_000, 8);
    check(1_700_000_001, 7);
    check(1_700_000_000_123, 9);
    check(1_700_000_000_124, 9);
    expect(() => check(1_700_000_000_124, 9)).toThrow(refusal(4500));
    check(1_700_000_000, '98765432109876543210');
    expect(() => check(1_700_000_000, '98765432109876543210')).toThrow(refusal(4500));
  });

  it('accepts timestamps within two hours', () => {
    const { check } = rules(1_700_000_000);
    check(1_700_007_200, 1);
    check(1_699_992_800, 2);
    expect(() => check(1_700_007_201, 3)).toThrow(refusal(4500, /Timestamp/));
    expect(() => check(1_699_992_799, 4)).toThrow(refusal(4500));
  });

  it('drops nonces whose timestamp has left the window', () => {
    const { access, check, advance } = rules(1_700_000_000);
    for (let nonce = 1; nonce <= 50; nonce += 1) check(1_700_000_000, nonce);
    check(1_700_003_000, 1);
    expect(access.rememberedNonces).toBe(51);
    advance(7300);
    check(1_700_007_300, 1);
    expect(access.rememberedNonces).toBe(2);
    expect(() => check(1_700_003_000, 1)).toThrow(refusal(4500));
  });

  it.each(['Region', 'Timestamp', 'Nonce', 'SecretId'])('refuses a request without %s', async (name) => {
    const { json } = await callerOf(await start())('FinishUpload', {}, { omit: [name] });
    expect(json).toMatchObject({ code: -10001, canRetry: 0, message: expect.stringContaining(name) });
  });

  it('refuses a request without Signature or Action', async () => {
    const emulator = await start();
    const call = callerOf(emulator);
    expect((await call('X', {}, { omit: ['Action'] })).json.code).toBe(-10001);
    const unsigned = '/v2/index.php?Action=InitUpload&Region=gz&Timestamp=1&Nonce=1&SecretId=a';
    const { json } = await send(new URL(emulator.url), 'GET', unsigned);
    expect(json).toMatchObject({ code: -10001, message: expect.stringContaining('Signature') });
  });

  it.each([0, -5, '1.5', 'abc'])('refuses the nonce %s', async (Nonce) => {
    const { json } = await callerOf(await start())('FinishUpload', { Nonce });
    expect(json).toMatchObject({ code: -10001, message: expect.stringContaining('Nonce') });
  });

  it('refuses another account and another key', async () => {
    const emulator = await start();
    const call = callerOf(emulator);
    const other = await call('FinishUpload', { SecretId: 'AKIDother' });
    expect(other.status).toBe(200);
    expect(other.json).toMatchObject({ code: -10002, canRetry: 0, codeDesc: 'InvalidSignature' });
    const wrongKey = await call('FinishUpload', {}, { secretKey: 'wrong' });
    expect(wrongKey.json).toMatchObject({ code: -10002, canRetry: 0 });
    expect(emulator.control.stats().requests.FinishUpload).toEqual({ total: 2, byResult: { '-10002': 2 } });
    // Other actions than those of uploads use the codes common to all APIs.
    const event = await call('PullEvent', {}, { secretKey: 'wrong' });
    expect(event.json).toMatchObject({ code: 4100, codeDesc: 'AuthFailure' });
    expect(event.json).not.toHaveProperty('canRetry');
  });

  it('refuses them with 4100 if configured', async () => {
    const call = callerOf(await start({ signatureCode: 4100 }));
    expect((await call('InitUpload', {}, { secretKey: 'wrong' })).json).toMatchObject({
      code: 4100,
      canRetry: 0,
    });
    expect((await call('FinishUpload', { SecretId: 'AKIDother' })).json.code).toBe(4100);
  });

  it('dates its replies by its own clock', async () => {
    const emulator = await start({ clock: () => Date.UTC(2030, 0, 2, 3, 4, 5) });
    const { json, headers } = await callerOf(emulator)('FinishUpload');
    expect(json.code).toBe(4500);
    expect(headers.date).toBe('Wed, 02 Jan 2030 03:04:05 GMT');
  });

  it('refuses a repeated request, and one with a wrong clock', async () => {
    const { options } = new HeldTime();
    const call = callerOf(await start({ clockToleranceSeconds: 100, ...options }));
    const signed = { Timestamp: Math.floor(options.clock() / 1000), Nonce: 42, fileSha: 'a'.repeat(40) };
    expect((await call('FinishUpload', signed)).json.code).toBe(-10005);
    expect((await call('FinishUpload', signed)).json).toMatchObject({ code: 4500, canRetry: 0 });
    const late = await call('FinishUpload', { Timestamp: signed.Timestamp - 200 });
    expect(late.json.code).toBe(4500);
  });
});
