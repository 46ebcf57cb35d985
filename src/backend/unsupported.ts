import { MAX_PART_BYTES, MIN_OBJECT_PART_BYTES } from '../upload/plan.ts';
import { isPartSize, PART_SIZES, type VodApi } from '../vod/wire/protocol.ts';
import type { NewVideo } from './backend.ts';
import type { TranscodeOptions } from './media.ts';

const TO_V2 = 'set VOD_API (in an application, the option api of VodUploads) to v2';
const TO_API3 = 'set VOD_API (in an application, the option api of VodUploads) to 2018-07-17';

const WITHOUT_TAGS = `API 3.0 has no tags: add them in VOD's console, or ${TO_V2}`;
const withoutFlag = (name: string): string =>
  `API 3.0 has no ${name}: use procedure, the name of a task flow in VOD's console that does it, or ${TO_V2}`;
const onlyApi3 = (name: string, instead: string): string =>
  `${name} is only for API 3.0: ${instead}, or ${TO_API3}`;

/** What one API can't do with a video: for each option, the problem and what to use instead. */
const UNSUPPORTED: Readonly<Record<VodApi, readonly (readonly [keyof NewVideo, string])[]>> = {
  v2: [
    ['procedure', onlyApi3('procedure', 'use transcode, screenshot and watermark')],
    ['storageRegion', onlyApi3('storageRegion', 'leave it out')],
    ['expireTime', onlyApi3('expireTime', 'leave it out')],
    ['sourceContext', onlyApi3('sourceContext', 'leave it out')],
    ['storagePath', onlyApi3('storagePath', 'leave it out')],
  ],
  '2018-07-17': [
    ['tags', WITHOUT_TAGS],
    ['transcode', withoutFlag('transcode')],
    ['screenshot', withoutFlag('screenshot')],
    ['watermark', withoutFlag('watermark')],
  ],
};

/** The options that an API lacks: one sentence for each, which names the option and what to use. */
export function unsupportedProblems(api: VodApi, video: Partial<NewVideo>, hasCover: boolean): string[] {
  const problems = UNSUPPORTED[api].filter(([name]) => isSet(video[name])).map(([, problem]) => problem);
  return hasCover && !takesCover(api) ? [...problems, onlyApi3('cover', 'leave it out')] : problems;
}

/** Whether an API takes the picture of a video with the video. */
export function takesCover(api: VodApi): boolean {
  return api !== 'v2';
}

/** Why an API can't upload a video with these options; undefined if it can. */
export function unsupportedOptions(
  api: VodApi,
  video: Partial<NewVideo>,
  hasCover: boolean,
): string | undefined {
  return unsupportedProblems(api, video, hasCover).join('; ') || undefined;
}

/** Why an API can't transcode a stored video with these options; undefined if it can. */
export function transcodeProblem(api: VodApi, options: TranscodeOptions): string | undefined {
  const unsupported = unsupportedOptions(api, options, false);
  if (api === 'v2' || options.procedure !== undefined) return unsupported;
  return unsupported ?? `transcoding needs procedure with API 3.0: the name of a task flow in VOD's console`;
}

/** Flags that are false and lists without entries request nothing. */
function isSet(value: NewVideo[keyof NewVideo]): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
}

/** The problem with a requested part size; undefined if there is none. */
export function partSizeProblem(api: VodApi, partSize: number): string | undefined {
  if (api === 'v2')
    return isPartSize(partSize)
      ? undefined
      : `partSize must be ${PART_SIZES.join(' or ')} (512k or 1m) with v2`;
  if (partSize >= MIN_OBJECT_PART_BYTES && partSize <= MAX_PART_BYTES) return undefined;
  return `partSize must be ${MIN_OBJECT_PART_BYTES} (1 MiB) to ${MAX_PART_BYTES} (5 GiB) with API 3.0`;
}
