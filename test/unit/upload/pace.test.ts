import { expect, test } from 'vitest';
import type { UploadProgress } from '../../../src/index.ts';
import { describeMeasure, Pace } from '../../../src/upload/pace.ts';

const MIB = 1024 * 1024;
const totalBytes = 100 * MIB;

function uploading(mib: number): UploadProgress {
  return { stage: 'uploading', bytesHashed: totalBytes, bytesSent: mib * MIB, totalBytes };
}

/** Measures the reports, each at its second, and gives the last measure. */
function measured(reports: readonly (readonly [second: number, progress: UploadProgress])[]) {
  let now = 0;
  const pace = new Pace(() => now);
  const measures = reports.map(([second, progress]) => {
    now = second * 1000;
    return pace.measure(progress);
  });
  const last = measures.at(-1);
  if (last === undefined) throw new Error('no report');
  return last;
}

test('speed and time left come from the reports of the stage', () => {
  const measure = measured([
    [0, uploading(20)],
    [2, uploading(30)],
  ]);
  expect(measure.bytesPerSecond).toBe(5 * MIB);
  expect(measure.leftMs).toBe(14_000);
  expect(measure.share).toBe(0.3);
  expect(describeMeasure(measure)).toBe('30 %  30.0 of 100.0 MiB  5.0 MiB/s  0:14 left');
});

test('one report gives no speed: what VOD had before was not sent', () => {
  const measure = measured([[0, uploading(90)]]);
  expect(measure.bytesPerSecond).toBeUndefined();
  expect(describeMeasure(measure)).toBe('90 %  90.0 of 100.0 MiB');
});

test('hashing and uploading are measured apart', () => {
  const hashing: UploadProgress = { stage: 'hashing', bytesHashed: MIB, bytesSent: 0, totalBytes };
  const measure = measured([
    [0, hashing],
    [1, uploading(50)],
  ]);
  expect(measure.bytesPerSecond).toBeUndefined();
});

test('what is older than ten seconds does not count', () => {
  const measure = measured([
    [0, uploading(0)],
    [1, uploading(50)],
    [11, uploading(51)],
    [12, uploading(52)],
  ]);
  expect(measure.bytesPerSecond).toBeCloseTo((2 * MIB) / 11, 3);
});

test('a standstill has no end in sight', () => {
  const measure = measured([
    [0, uploading(50)],
    [30, uploading(50)],
  ]);
  expect(measure.leftMs).toBeUndefined();
});

test('a file of unknown size is at nought', () => {
  const measure = measured([[0, { stage: 'queued', bytesHashed: 0, bytesSent: 0, totalBytes: 0 }]]);
  expect(measure.share).toBe(0);
  expect(describeMeasure(measure)).toBe('');
});
