/** The actions of API 3.0, version 2018-07-17, that the emulator has. */
export const API3_ACTIONS = [
  'ApplyUpload',
  'CommitUpload',
  'PullEvents',
  'ConfirmEvents',
  'ProcessMediaByProcedure',
  'DescribeMediaInfos',
  'SearchMedia',
  'DescribeEventConfig',
] as const;
export type Api3Action = (typeof API3_ACTIONS)[number];

export const API3_VERSION = '2018-07-17';

export function isApi3Action(name: string): name is Api3Action {
  return (API3_ACTIONS as readonly string[]).includes(name);
}
