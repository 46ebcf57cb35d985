import { expect, test } from 'vitest';
import { summary } from '../../../src/demo/summary.ts';
import { RequestCounts } from '../../../src/emulator/control/stats.ts';
import type { UploadResult } from '../../../src/index.ts';

const result: UploadResult = {
  outcome: 'completed',
  fileId: '5285890784273533167',
  url: 'http://127.0.0.1:1/files/1/f0.mp4',
  fileSha: 'a'.repeat(40),
  fileSize: 2 ** 21,
  name: 'clip',
  type: 'mp4',
  partsSent: 2,
  partsSkipped: 0,
  bytesSent: 2 ** 21,
  metadataApplied: true,
  durationMs: 500,
};
const requests = (total: number) => ({ total, byResult: {} });
const facts = {
  api: 'v2' as const,
  source: '/videos/clip.mp4',
  first: result,
  second: { ...result, outcome: 'instant', durationMs: 80 } as const,
  fileSha: 'a'.repeat(40),
  urlSha: 'a'.repeat(40),
  requests: {
    ...new RequestCounts().snapshot().requests,
    InitUpload: requests(2),
    UploadPart: requests(2),
    FinishUpload: requests(1),
    strayPart: requests(1),
  },
  totalMs: 3000,
};

test('formats the results', () => {
  expect(summary(facts)).toBe(`
clip.mp4
API         v2
1st upload  completed in 0.50 s: 2.0 MiB in 2 parts, 4.0 MiB/s
2nd upload  instant in 0.08 s: VOD had the file already, none of 2.0 MiB was sent
fileId      5285890784273533167
url         http://127.0.0.1:1/files/1/f0.mp4
SHA-1       ${'a'.repeat(40)}  of the file
            ${'a'.repeat(40)}  of the video at the url: identical
requests    InitUpload 2, UploadPart 2, FinishUpload 1
time        3.0 s in total
`);
});

test('names API 3.0, what it counts, and why the second upload is instant', () => {
  const api3Requests = {
    ...new RequestCounts().snapshot().requests,
    ApplyUpload: requests(1),
    InitiateMultipartUpload: requests(1),
    UploadPart: requests(2),
    CommitUpload: { total: 2, byResult: { ok: 1, 'InvalidParameterValue.VodSessionKey': 1 } },
    PullEvents: requests(7),
  };
  const text = summary({ ...facts, api: '2018-07-17', requests: api3Requests });
  expect(text).toContain('API         API 3.0 (2018-07-17)\n');
  expect(text).toContain(
    '2nd upload  instant in 0.08 s: an upload with the same SHA-1 has a video already (option hash)',
  );
  expect(text).toContain(
    'requests    ApplyUpload 1, InitiateMultipartUpload 1, UploadPart 2, CommitUpload 1\n',
  );
});

test('reports a video that differs from the file', () => {
  expect(summary({ ...facts, urlSha: 'b'.repeat(40) })).toContain('at the url: NOT IDENTICAL');
});
