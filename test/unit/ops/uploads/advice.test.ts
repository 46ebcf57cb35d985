import { expect, test } from 'vitest';
import { adviceFor } from '../../../../src/ops/uploads/advice.ts';

const failure = (code: string, retryable: boolean) => ({ code, message: 'm', retryable });

test.each([
  ['COMMIT_UNKNOWN', true, /VOD may have the video.*A retry looks for it as well/],
  ['PART_DIFFERS', true, /memory of the workers and any proxy/],
  ['FINISH_UNRESOLVED', true, /VOD is asked again what it has, with v2 by a SHA-1/],
  ['SlowDown', true, /it can succeed without any change/],
  ['UnsupportedOperation', false, /Fix what the reason says, and then retry it/],
  ['SOURCE_NOT_FOUND', false, /Put the file where the workers can read it/],
])('what to do about %s', (code, retryable, advice) => {
  expect(adviceFor(failure(code, retryable))).toMatch(advice);
});
