import { describe, expect, it } from 'vitest';
import { Quota } from '../../../../src/emulator/protocol/quota.ts';
import { HeldTime } from '../held-time.ts';
import { callerOf, start } from '../support.ts';

describe('quota', () => {
  it('slides: a request stops counting exactly one window later', () => {
    let now = 1000;
    const quota = new Quota({ init: 2 }, 100, () => now);
    quota.admit('InitUpload');
    now = 1050;
    quota.admit('InitUpload');
    now = 1099;
    expect(() => quota.admit('InitUpload')).toThrow(expect.objectContaining({ code: 4400, canRetry: 0 }));
    now = 1100;
    quota.admit('InitUpload');
    expect(() => quota.admit('InitUpload')).toThrow();
    now = 1150;
    quota.admit('InitUpload');
    expect(quota.refusals).toMatchObject({ InitUpload: 2, UploadPart: 0, FinishUpload: 0 });
  });

  it('counts the peak of any window, also without limits and over many windows', () => {
    let now = 0;
    const quota = new Quota({}, 100, () => now);
    for (let round = 0; round < 20_000; round += 1) {
      now = round * 10;
      quota.arrive('UploadPart');
    }
    expect(quota.peaks.UploadPart).toBe(10);
    now += 5;
    quota.arrive('UploadPart');
    expect(quota.peaks.UploadPart).toBe(11);
    expect(quota.peaks.InitUpload).toBe(0);
    quota.resetCounts();
    expect(quota.peaks.UploadPart).toBe(0);
  });

  it('refuses with code 4400 over HTTP and counts refusals separately', async () => {
    const time = new HeldTime();
    const emulator = await start({ quotaPerMinute: { finish: 2 }, ...time.options });
    const call = callerOf(emulator);
    const codes = async () => (await call('FinishUpload', { fileSha: 'c'.repeat(40) })).json.code;
    expect([await codes(), await codes(), await codes()]).toEqual([-10005, -10005, 4400]);
    expect((await call('InitUpload')).json.code).toBe(-10003);
    expect(emulator.control.stats()).toMatchObject({
      quotaRefusals: { FinishUpload: 1, InitUpload: 0 },
      peakPerWindow: { FinishUpload: 3, InitUpload: 1 },
      requests: { FinishUpload: { total: 3, byResult: { 4400: 1, '-10005': 2 } } },
    });
    time.pass(59_999);
    expect(await codes()).toBe(4400);
    time.pass(1);
    expect(await codes()).toBe(-10005);
    emulator.control.setQuota({});
    expect([await codes(), await codes(), await codes()]).not.toContain(4400);
  });
});
