import type { VodApi } from '../vod/wire/protocol.ts';
import type { TranscodeOptions } from './media.ts';

/** Why a stored video can't be transcoded with these options; undefined if it can. */
type TranscodeProblem = (options: TranscodeOptions) => string | undefined;

/** The check of each API. */
export const TRANSCODE_PROBLEMS: Readonly<Record<VodApi, TranscodeProblem>> = {
  v2: ({ procedure }) =>
    procedure === undefined
      ? undefined
      : 'procedure needs VOD_API=2018-07-17; with v2, VOD transcodes by the settings of its console',
  '2018-07-17': ({ procedure, screenshot, watermark }) => {
    if (procedure === undefined) {
      return 'procedure is missing: with VOD_API=2018-07-17, give the name of the task flow that VOD is to run on the video';
    }
    const flags = Object.entries({ screenshot, watermark }).flatMap(([name, value]) => (value ? [name] : []));
    if (flags.length === 0) return undefined;
    return `${flags.join(' and ')} can't be requested with VOD_API=2018-07-17: use a procedure that includes them`;
  },
};
