import { expect, it } from 'vitest';
import { parseUploadResult } from '../../../../src/queue/jobs/upload-result.ts';
import { storedUrl } from '../../../../src/queue/jobs/video-url.ts';

const result = {
  ...{ outcome: 'instant', fileId: '9', fileSha: 'a'.repeat(40), fileSize: 3, name: 'n', type: 'mp4' },
  ...{ partsSent: 0, partsSkipped: 1, bytesSent: 0, metadataApplied: false, durationMs: 1 },
};

it.each([
  ['https://v/f0.mp4', 'https://v/f0.mp4'],
  ['', null],
  [null, null],
])('a stored URL of %j is read as %j', (stored, read) => {
  expect(parseUploadResult({ ...result, url: stored })).toEqual({ ...result, url: read });
});

it('a missing URL is stored as an empty string, which programs of older versions require', () => {
  expect(storedUrl('https://v/f0.mp4')).toBe('https://v/f0.mp4');
  expect(storedUrl(null)).toBe('');
});
