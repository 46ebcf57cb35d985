import { ACTIONS } from '../protocol/actions.ts';

/**
 * The names under which statistics count requests and faults match them: the action, or `strayPart` for an UploadPart
 * of a file without an InitUpload. A client sends that to check its key; it belongs to no upload.
 */
export const COUNTED_ACTIONS = [...ACTIONS, 'strayPart'] as const;
export type CountedAction = (typeof COUNTED_ACTIONS)[number];
