import { expect, test } from 'vitest';
import { checkTranscoding } from '../../../src/client/transcodings.ts';
import { InvalidUploadError } from '../../../src/client/upload-options.ts';

const FILE_ID = '14508071098244931831';

test('a video of VOD and options of the API are accepted', () => {
  checkTranscoding(FILE_ID, { screenshot: true }, 'v2');
  checkTranscoding(FILE_ID, { procedure: 'LongVideoPreset' }, '2018-07-17');
});

test('all problems are named together', () => {
  const check = () => checkTranscoding('any.mp4', { procedure: ' ', watermark: true }, '2018-07-17');
  expect(check).toThrow(InvalidUploadError);
  expect(check).toThrow(/fileId must be .*procedure must not be empty.*API 3\.0 has no watermark/s);
  expect(() => checkTranscoding(FILE_ID, { procedure: 'x'.repeat(129) }, '2018-07-17')).toThrow(
    /^procedure must be at most 128 characters$/,
  );
});
