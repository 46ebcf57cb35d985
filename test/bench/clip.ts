import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { writeRandomFile } from '../support/files.ts';
import { type Benchmark, judged, median } from './benchmark.ts';
import { withRig } from './rig.ts';
import { describeSpans, type TimedUpload, timeUpload } from './stage-times.ts';

const SIZE = 2_000_000;
/** So long that the worker has nothing left to do, and waits for jobs. */
const REST_MS = 1000;

/** One clip for a worker that has nothing else to do, where only the time of the steps counts. */
export const clip: Benchmark = {
  name: 'clip',
  title: 'A clip of 2 MB, for a worker at rest',
  run: ({ full, samples, onStep, ...options }) =>
    withRig(options, async (rig) => {
      await rig.worker();
      const uploads: TimedUpload[] = [];
      const count = (full ? 4 : 1) * samples;
      for (let sample = 0; sample <= count; sample++) {
        onStep(`${sample}/${count}`);
        const source = await writeRandomFile(join(rig.sources, `clip-${sample}.mp4`), SIZE, sample + 1);
        await setTimeout(REST_MS);
        const upload = await timeUpload(rig, { source });
        if (sample > 0) uploads.push(upload);
      }
      const firstRequest = uploads.map(({ firstRequestMs }) => firstRequestMs);
      const total = uploads.map(({ totalMs }) => totalMs);
      const ms = { unit: ' ms', digits: 0 };
      return [
        judged(
          'from `add` to the first request',
          median(firstRequest),
          { atMost: 60 },
          { ...ms, samples: { ms: firstRequest } },
        ),
        judged(
          'from `add` to the `fileId`',
          median(total),
          { atMost: 120 },
          { ...ms, samples: { ms: total } },
        ),
        { subject: 'where the time goes', result: describeSpans(uploads), samples: {} },
      ];
    }),
};
