import { expect, test } from 'vitest';
import type { UploadProgress } from '../../../src/index.ts';
import { formatStageProgress, SpeedMeter } from '../../../src/upload/stage-progress.ts';

const MIB = 1024 * 1024;
const totalBytes = 100 * MIB;

function uploading(mib: number): UploadProgress {
  return { stage: 'uploading', bytesHashed: totalBytes, bytesSent: mib * MIB, totalBytes };
}

/** Adds reports at their seconds. @returns the result of the last */
function measured(reports: readonly (readonly [second: number, progress: UploadProgress])[]) {
  let now = 0;
  const meter = new SpeedMeter(() => now);
  const results = reports.map(([second, report]) => {
    now = second * 1000;
    return meter.add(report);
  });
  const last = results.at(-1);
  if (last === undefined) throw new Error('no report');
  return last;
}

test('speed and remaining time come from the reports of the stage', () => {
  const progress = measured([
    [0, uploading(20)],
    [2, uploading(30)],
  ]);
  expect(progress.bytesPerSecond).toBe(5 * MIB);
  expect(progress.leftMs).toBe(14_000);
  expect(progress.share).toBe(0.3);
  expect(formatStageProgress(progress)).toBe('30 %  30.0 of 100.0 MiB  5.0 MiB/s  0:14 left');
});

test('one report gives no speed: parts that VOD had before were not sent', () => {
  const progress = measured([[0, uploading(90)]]);
  expect(progress.bytesPerSecond).toBeUndefined();
  expect(formatStageProgress(progress)).toBe('90 %  90.0 of 100.0 MiB');
});

test('hashing and uploading are measured separately', () => {
  const hashing: UploadProgress = { stage: 'hashing', bytesHashed: MIB, bytesSent: 0, totalBytes };
  const progress = measured([
    [0, hashing],
    [1, uploading(50)],
  ]);
  expect(progress.bytesPerSecond).toBeUndefined();
});

test('reports older than ten seconds do not count', () => {
  const progress = measured([
    [0, uploading(0)],
    [1, uploading(50)],
    [11, uploading(51)],
    [12, uploading(52)],
  ]);
  expect(progress.bytesPerSecond).toBeCloseTo((2 * MIB) / 11, 3);
});

test('without progress there is no remaining time', () => {
  const progress = measured([
    [0, uploading(50)],
    [30, uploading(50)],
  ]);
  expect(progress.leftMs).toBeUndefined();
});

test('the share of a file of unknown size is 0', () => {
  const progress = measured([[0, { stage: 'queued', bytesHashed: 0, bytesSent: 0, totalBytes: 0 }]]);
  expect(progress.share).toBe(0);
  expect(formatStageProgress(progress)).toBe('');
});

test('an upload that waits for the account’s quota has the time instead of a speed', () => {
  const waiting = (progress: UploadProgress, quotaWaitMs: number): string =>
    formatStageProgress(new SpeedMeter(() => 0).add({ ...progress, quotaWaitMs }));
  expect(waiting(uploading(45), 33_400)).toBe("45 %  waiting for the account's quota, 34 s");
  const initializing: UploadProgress = { ...uploading(0), stage: 'initializing' };
  expect(waiting(initializing, 1)).toBe("waiting for the account's quota, 1 s");
  expect(waiting(initializing, 61_000)).toBe("waiting for the account's quota, 1 min");
});
