import { describe, expect, it } from 'vitest';
import { api3CallerOf } from './api3-support.ts';
import { start } from './support.ts';

const NOW = Date.UTC(2026, 0, 1);

describe('access to API 3.0', () => {
  it.each([
    [{ secretId: 'AKIDother' }, 'AuthFailure.SecretIdNotFound'],
    [{ secretKey: 'other' }, 'AuthFailure.SignatureFailure'],
    [{ body: '{"MediaType":"mp3"}' }, 'AuthFailure.SignatureFailure'],
    [{ timestamp: NOW / 1000 - 301 }, 'AuthFailure.SignatureExpire'],
    [{ timestamp: NOW / 1000 + 301 }, 'AuthFailure.SignatureExpire'],
    [{ headers: { authorization: 'Bearer x' } }, 'AuthFailure.InvalidAuthorization'],
    [{ headers: { 'x-tc-token': 'x' } }, 'AuthFailure.TokenFailure'],
    [{ headers: { 'content-type': 'text/plain' } }, 'AuthFailure.SignatureFailure'],
    [{ version: '2024-07-18' }, 'NoSuchVersion'],
  ])('refuses %o with %s', async (options, code) => {
    const emulator = await start({ clock: () => NOW });
    const call = api3CallerOf(emulator, () => NOW);
    const { status, json } = await call('ApplyUpload', { MediaType: 'mp4' }, options);
    expect(status).toBe(200);
    expect(json).toEqual({
      Error: { Code: code, Message: expect.any(String) },
      RequestId: expect.any(String),
    });
    expect(emulator.control.stats().requests.ApplyUpload.byResult).toEqual({ [code]: 1 });
  });

  it('accepts a timestamp that is 5 minutes off', async () => {
    const emulator = await start({ clock: () => NOW });
    const call = api3CallerOf(emulator, () => NOW);
    const options = { timestamp: NOW / 1000 - 300 };
    expect((await call('ApplyUpload', { MediaType: 'mp4' }, options)).json.VodSessionKey).toBeTruthy();
  });

  it('refuses an action that it does not have', async () => {
    const emulator = await start();
    const { json } = await api3CallerOf(emulator)('DeleteMedia');
    expect(json.Error.Code).toBe('InvalidAction');
    expect(emulator.control.stats().requests.other.byResult).toEqual({ InvalidAction: 1 });
  });

  it('checks SubAppId against its application', async () => {
    const call = api3CallerOf(await start({ subAppId: 1500001 }));
    const codeOf = async (params: object) =>
      (await call('ApplyUpload', { MediaType: 'mp4', ...params })).json.Error?.Code;
    expect(await codeOf({})).toBe('InvalidParameterValue.SubAppId');
    expect(await codeOf({ SubAppId: 1500002 })).toBe('InvalidParameterValue.SubAppId');
    expect(await codeOf({ SubAppId: '1500001' })).toBe('InvalidParameter');
    expect(await codeOf({ SubAppId: 1500001 })).toBeUndefined();
  });

  it.each([
    ['ApplyUpload', {}, 'MissingParameter'],
    ['ApplyUpload', { MediaType: 4 }, 'InvalidParameter'],
    ['ApplyUpload', { MediaType: '.mp4' }, 'InvalidParameterValue.MediaType'],
    ['ApplyUpload', { MediaType: 'mp4', CoverType: '../jpg' }, 'InvalidParameterValue.CoverType'],
    ['ApplyUpload', { MediaType: 'mp4', SourceContext: 'x'.repeat(251) }, 'InvalidParameterValue'],
    ['ApplyUpload', { MediaType: 'mp4', SessionContext: 'x'.repeat(1001) }, 'InvalidParameterValue'],
    ['ApplyUpload', { MediaType: 'mp4', ExpireTime: '2026-01-01' }, 'InvalidParameter.ExpireTime'],
    ['ApplyUpload', { MediaType: 'mp4', StorageRegion: 'X' }, 'InvalidParameterValue.StorageRegion'],
    ['ApplyUpload', { MediaType: 'mp4', MediaStoragePath: '/a.mp4' }, 'InvalidParameterValue'],
    ['ApplyUpload', { MediaType: 'mp4', Tags: ['a'] }, 'UnknownParameter'],
    ['CommitUpload', {}, 'MissingParameter'],
    ['CommitUpload', { VodSessionKey: 'other' }, 'InvalidParameterValue.VodSessionKey'],
    ['ConfirmEvents', { EventHandles: [] }, 'InvalidParameterValue'],
    ['ConfirmEvents', { EventHandles: Array(17).fill('x') }, 'InvalidParameterValue'],
    ['ProcessMediaByProcedure', { ProcedureName: 'flow' }, 'MissingParameter'],
    ['ProcessMediaByProcedure', { ProcedureName: 'flow', FileId: '1' }, 'InvalidParameterValue.FileId'],
    ['DescribeMediaInfos', { FileIds: [] }, 'InvalidParameterValue.FileIds'],
    ['SearchMedia', { SourceContexts: ['upload-1'] }, 'UnknownParameter'],
    ['SearchMedia', { Offset: 4999, Limit: 2 }, 'InvalidParameterValue.Limit'],
    ['SearchMedia', { Sort: { Field: 'Name' } }, 'InvalidParameterValue.Sort'],
    ['SearchMedia', { CreateTime: { After: 'x' } }, 'InvalidParameterValue.CreateTime'],
  ])('%s refuses %o with %s', async (action, params, code) => {
    const call = api3CallerOf(await start());
    expect((await call(action, params)).json.Error?.Code).toBe(code);
  });

  it('limits requests per second, and counts the peak', async () => {
    let now = NOW;
    const clock = () => now;
    const emulator = await start({ clock, quotaPerSecond: { ApplyUpload: 2 } });
    const call = api3CallerOf(emulator, clock);
    const codes = async () => {
      const answers = await Promise.all([1, 2, 3].map(() => call('ApplyUpload', { MediaType: 'mp4' })));
      return answers.map(({ json }) => json.Error?.Code).filter((code) => code !== undefined);
    };
    expect(await codes()).toEqual(['RequestLimitExceeded']);
    now += 1000;
    expect(await codes()).toEqual(['RequestLimitExceeded']);
    emulator.control.setQuota({});
    expect(await codes()).toEqual([]);
    emulator.control.setQuota({ perSecond: { ApplyUpload: 1 } });
    const { quotaRefusals, peakPerWindow } = emulator.control.stats();
    expect(quotaRefusals.ApplyUpload).toBe(2);
    expect(peakPerWindow).toMatchObject({ ApplyUpload: 6, CommitUpload: 0, InitUpload: 0 });
    now += 1000;
    expect(await codes()).toHaveLength(2);
  });
});
