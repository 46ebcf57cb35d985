import { expect, test } from 'vitest';
import { createV2Backend } from '../../../src/backend/v2.ts';
import type { VodClient } from '../../../src/vod/client.ts';

/** A client whose calls all fail the test. */
const unused = {} as VodClient;

test.each([
  [{ procedure: 'P' }, false, /^procedure is only for API 3\.0: /],
  [{}, true, /^cover is only for API 3\.0: /],
])('begin refuses %j, with a cover: %j, for good and without a call', async (options, hasCover, message) => {
  const begun = createV2Backend(unused).begin(
    {
      file: { uploadId: 'u1', fileSize: 1, fileSha: 'a'.repeat(40) },
      video: { name: 'a', type: 'mp4', ...options },
      expiredSessions: 0,
      ...(hasCover && { readCover: () => Promise.reject(new Error('unused')) }),
    },
    { value: undefined, save: () => Promise.reject(new Error('unused')) },
    AbortSignal.abort(),
  );
  await expect(begun).rejects.toMatchObject({
    code: 'UNSUPPORTED_OPTION',
    retryable: false,
    message: expect.stringMatching(message),
  });
});
