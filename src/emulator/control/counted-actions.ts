import { ACTIONS } from '../protocol/actions.ts';
import { API3_ACTIONS } from '../protocol/api3-actions.ts';
import { COS_ACTIONS } from '../protocol/cos-actions.ts';

/** The APIs of the emulator. UploadPart is an action of two of them. */
export const APIS = ['v2', 'api3', 'cos'] as const;
export type Api = (typeof APIS)[number];

const OTHER_COS_ACTIONS = COS_ACTIONS.filter((action) => action !== 'UploadPart');

/**
 * The names under which statistics count requests and faults match them: the action, or `strayPart` for an UploadPart
 * of v2 of a file without an InitUpload. A client sends that to check its key; it belongs to no upload.
 */
export const COUNTED_ACTIONS = [...ACTIONS, ...API3_ACTIONS, ...OTHER_COS_ACTIONS, 'strayPart'] as const;
export type CountedAction = (typeof COUNTED_ACTIONS)[number];
