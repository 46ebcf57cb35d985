/** Parameters of ConvertVodFile and ConfirmEvent. */
import type { Params } from './query.ts';
import { Refusal } from './reply.ts';

/** Maximum number of events in one PullEvent reply and in one ConfirmEvent. */
export const EVENTS_PER_CALL = 16;

/** Code for an invalid parameter of these actions. */
const INVALID_PARAMETER = 1000;

/** @returns the fileId of ConvertVodFile. Its flags are checked and have no effect. */
export function parseConvert(params: Params): string {
  const fileId = params.get('fileId') ?? '';
  if (!/^\d{17,20}$/.test(fileId)) {
    throw new Refusal(INVALID_PARAMETER, `fileId is not 17 to 20 digits: ${fileId}`);
  }
  for (const name of ['isScreenshot', 'isWatermark']) {
    const value = params.get(name) ?? '0';
    if (value !== '0' && value !== '1') {
      throw new Refusal(INVALID_PARAMETER, `${name} is ${value}, not 0 or 1`);
    }
  }
  return fileId;
}

/** @returns the values of `msgHandle.1`, `msgHandle.2` and so on. */
export function parseConfirm(params: Params): string[] {
  const handles = [...params]
    .filter(([name]) => /^msgHandle[._]\d{1,9}$/.test(name))
    .map(([, value]) => value);
  if (handles.length === 0) throw new Refusal(INVALID_PARAMETER, 'msgHandle.1 is missing');
  if (handles.length > EVENTS_PER_CALL) {
    throw new Refusal(INVALID_PARAMETER, `${handles.length} msgHandles, more than ${EVENTS_PER_CALL}`);
  }
  return handles;
}
