import type { Fault } from '../../src/emulator/server.ts';
import type { Upload, UploadOptions } from '../../src/index.ts';
import { STAGES } from '../../src/queue/names.ts';
import { useWorld } from './use-world.ts';

/** Arguments of a worker that runs all stages. */
export const ALL = ['--stages', STAGES.join(',')];

/** An upload that waits for its transcoding. */
export const waitFor = { waitFor: 'transcoded' } as const;

/** Makes the next transcoding take longer than the test. */
export const HOURS: Fault = { action: 'TranscodeComplete', effect: { kind: 'latency', ms: 7_200_000 } };

/** A world in which a transcoding takes no time by default. */
export function useTranscodings() {
  const tools = useWorld({ transcodeMs: 0 });
  const { world, source, stats } = tools;
  return {
    ...tools,
    /** Adds an upload of a new file that is to be transcoded. */
    add: async (name: string, options: Partial<UploadOptions> = {}): Promise<Upload> =>
      await world().uploads.add({ source: await source(name, 1000), transcode: 'after', ...options }),
    /** Emits a TranscodeComplete without a vodTaskId. */
    emitTranscoded(video: string): void {
      const { fileId } = stats().files.find(({ name }) => name === video) ?? {};
      world().emulator.control.emit({ eventType: 'TranscodeComplete', data: { fileId, status: 0 } });
    },
    /** The requests ConvertVodFile. */
    converts: () => stats().requests.ConvertVodFile,
  };
}
