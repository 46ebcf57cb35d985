import type { V2Action } from '../../vod/wire/protocol.ts';
import type { Params } from './query.ts';
import { Refusal } from './reply.ts';

const UPLOAD_ACTIONS = ['InitUpload', 'UploadPart', 'FinishUpload'] as const satisfies readonly V2Action[];

/** All actions of the emulator, on any host. The service has one host for uploads and another for the rest. */
export const ACTIONS = [
  ...UPLOAD_ACTIONS,
  'ConvertVodFile',
  'PullEvent',
  'ConfirmEvent',
] as const satisfies readonly V2Action[];

/** Whether replies to this action have `canRetry`: only those of the upload actions do. */
export function hasCanRetry(action: string): boolean {
  return UPLOAD_ACTIONS.some((known) => known === action);
}

/** @throws {Refusal} -10001 without an Action, 6100 for an action that the emulator does not have. */
export function parseAction(params: Params): V2Action {
  const name = params.get('Action');
  if (!name) throw new Refusal(-10001, 'common parameter Action is missing');
  const action = ACTIONS.find((known) => known === name);
  if (action === undefined) throw new Refusal(6100, `Action ${name} is not supported by this host`);
  return action;
}
