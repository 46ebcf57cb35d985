import { ACTIONS } from '../protocol/rules.ts';

/**
 * What requests are counted as, and faults pick them by: their action, but `strayPart` for an UploadPart of a file that
 * no InitUpload has begun. A client can send one to find out whether its key is right; it is about no upload.
 */
export const COUNTED_ACTIONS = [...ACTIONS, 'strayPart'] as const;
export type CountedAction = (typeof COUNTED_ACTIONS)[number];
