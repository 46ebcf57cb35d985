import { expect, test } from 'vitest';
import { transcodeProblem, unsupportedOptions } from '../../../src/backend/unsupported.ts';

const TO_V2 = 'set VOD_API (in an application, the option api of VodUploads) to v2';
const TO_API3 = 'set VOD_API (in an application, the option api of VodUploads) to 2018-07-17';
const FLAG = "use procedure, the name of a task flow in VOD's console that does it";

test.each([
  [{ tags: ['a'] }, `API 3.0 has no tags: add them in VOD's console, or ${TO_V2}`],
  [{ transcode: true }, `API 3.0 has no transcode: ${FLAG}, or ${TO_V2}`],
  [{ screenshot: true }, `API 3.0 has no screenshot: ${FLAG}, or ${TO_V2}`],
  [{ watermark: true }, `API 3.0 has no watermark: ${FLAG}, or ${TO_V2}`],
])('%j is for v2', (video, problem) => {
  expect(unsupportedOptions('2018-07-17', video, false)).toBe(problem);
  expect(unsupportedOptions('v2', video, false)).toBeUndefined();
});

test.each([
  [
    { procedure: 'P' },
    `procedure is only for API 3.0: use transcode, screenshot and watermark, or ${TO_API3}`,
  ],
  [{ storageRegion: 'ap-a' }, `storageRegion is only for API 3.0: leave it out, or ${TO_API3}`],
  [{ expireTime: 'T' }, `expireTime is only for API 3.0: leave it out, or ${TO_API3}`],
  [{ sourceContext: 's' }, `sourceContext is only for API 3.0: leave it out, or ${TO_API3}`],
  [{ storagePath: '/a' }, `storagePath is only for API 3.0: leave it out, or ${TO_API3}`],
])('%j is for API 3.0', (video, problem) => {
  expect(unsupportedOptions('v2', video, false)).toBe(problem);
  expect(unsupportedOptions('2018-07-17', video, false)).toBeUndefined();
});

test('a cover is for API 3.0', () => {
  expect(unsupportedOptions('v2', {}, true)).toBe(`cover is only for API 3.0: leave it out, or ${TO_API3}`);
  expect(unsupportedOptions('2018-07-17', {}, true)).toBeUndefined();
});

test('flags that are false, no tags and a category are for both', () => {
  const video = { name: 'a', tags: [], transcode: false, screenshot: false, watermark: false, classId: 0 };
  for (const api of ['v2', '2018-07-17'] as const)
    expect(unsupportedOptions(api, video, false)).toBeUndefined();
});

test('all problems are named together', () => {
  const problem = unsupportedOptions('v2', { procedure: 'P', storagePath: '/a' }, true);
  expect(problem?.split('; ')).toEqual([
    expect.stringMatching(/^procedure is only/),
    expect.stringMatching(/^storagePath is only/),
    expect.stringMatching(/^cover is only/),
  ]);
});

test('transcoding a stored video needs a procedure with API 3.0, and none with v2', () => {
  const flags = { screenshot: true, watermark: true };
  expect(transcodeProblem('v2', flags)).toBeUndefined();
  expect(transcodeProblem('v2', {})).toBeUndefined();
  expect(transcodeProblem('v2', { procedure: 'flow' })).toMatch(/^procedure is only for API 3\.0: /);
  expect(transcodeProblem('2018-07-17', { procedure: 'flow', screenshot: false })).toBeUndefined();
  expect(transcodeProblem('2018-07-17', {})).toBe(
    "transcoding needs procedure with API 3.0: the name of a task flow in VOD's console",
  );
  expect(transcodeProblem('2018-07-17', { procedure: 'flow', ...flags })?.split('; ')).toEqual([
    expect.stringMatching(/^API 3\.0 has no screenshot: use procedure/),
    expect.stringMatching(/^API 3\.0 has no watermark: use procedure/),
  ]);
});
