import { expect, it } from 'vitest';
import type { UploadOptions } from '../../../src/client/upload-options.ts';
import { combinationProblems, parseUploadOptions } from '../../../src/client/upload-options-schema.ts';

const parse = (options: object) =>
  parseUploadOptions({ source: '/videos/a.mp4', ...options } as UploadOptions);

const problemsOf = (options: object, allowPrivateWebhooks = false) =>
  combinationProblems(parse(options), allowPrivateWebhooks);

it('applies the defaults', () => {
  expect(parse({})).toEqual({
    ...{ source: '/videos/a.mp4', partSize: 1_048_576, priority: 5, delay: 0 },
    ...{ onConflict: 'ignore', checkSource: true },
  });
});

it.each([
  [{ transcode: 'before' }, "transcode must be true, false or 'after'"],
  [{ waitFor: 'later' }, "waitFor must be 'uploaded' or 'transcoded'"],
  [{ transcodeTimeoutMs: 0 }, 'transcodeTimeoutMs must be at least 1'],
  [{ transcodeTimeoutMs: 8 * 24 * 3_600_000 }, 'transcodeTimeoutMs must be at most 7 days'],
  [{ transcodeTimeoutMs: '6h' }, 'transcodeTimeoutMs must be a whole number of milliseconds'],
  [{ rehash: 'yes' }, 'rehash must be true or false'],
  [{ priority: 11 }, 'priority must be from 1 (first) to 10 (last)'],
  [{ nmae: 'a' }, 'unknown option nmae'],
])('rejects %j', (options, message) => {
  expect(() => parse(options)).toThrow(message);
});

it.each([
  [{ waitFor: 'transcoded' }, /^waitFor can only be 'transcoded' when transcode is 'after'$/],
  [{ waitFor: 'transcoded', transcode: true }, /^waitFor can only/],
  [{ transcode: 'after', transcodeTimeoutMs: 5 }, /^transcodeTimeoutMs is only for waitFor 'transcoded'$/],
  [{ source: 'a.mp4', checkSource: false }, /^source must be an absolute path/],
  [{ webhookUrl: 'http://example.com/' }, /^webhookUrl must begin with https/],
])('rejects the combination %j', (options, message) => {
  expect(problemsOf(options)).toEqual([expect.stringMatching(message)]);
});

it('accepts http webhooks where private addresses are allowed', () => {
  expect(problemsOf({ webhookUrl: 'http://10.0.0.1/' }, true)).toEqual([]);
});
