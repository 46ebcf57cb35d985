import { type Benchmark, judged, median, type Row } from './benchmark.ts';
import { type Usage, withRig } from './rig.ts';
import { describeSpans, type TimedUpload, timeUpload } from './stage-times.ts';

/** One complete upload, from `add` to its `fileId`. */
export const upload: Benchmark = {
  name: 'upload',
  title: 'A whole upload, from `add` to `fileId`',
  run: ({ full, samples, onStep, ...options }) =>
    withRig(options, async (rig) => {
      const size = full ? 2 ** 30 : 2 ** 28;
      const source = await rig.sparseFile('upload.mp4', size);
      const worker = await rig.worker();
      const usages: Usage[] = [];
      const uploads: TimedUpload[] = [];
      for (let sample = 0; sample <= samples; sample++) {
        onStep(`upload ${sample}/${samples}`);
        await rig.touch(source);
        const usage = await rig.measure(async () => void uploads.push(await timeUpload(rig, { source })));
        usages.push({ ...usage, wallMs: uploads.at(-1)?.totalMs ?? Number.NaN });
      }
      // The first sample warms up.
      usages.shift();
      uploads.shift();
      const parts = uploads[0]?.result.partsSent ?? Number.NaN;
      const peak = await worker.peakMemory();
      const measured = (
        subject: string,
        unit: string,
        digits: number,
        of: (usage: Usage) => number,
      ): Row => ({
        subject,
        result: `${median(usages.map(of)).toFixed(digits)} ${unit}`,
        samples: { [unit]: usages.map(of) },
      });
      return [
        measured(`${size / 2 ** 20} MiB, SHA-1 included`, 's', 2, ({ wallMs }) => wallMs / 1000),
        { subject: 'where the time goes', result: describeSpans(uploads), samples: {} },
        measured('speed', 'MB/s', 0, ({ wallMs }) => size / 1000 / wallMs),
        measured('CPU of the worker', 's', 2, ({ workerMs }) => workerMs / 1000),
        measured('CPU of Redis, per part', 'ms', 2, ({ redisMs }) => redisMs / parts),
        measured('Redis commands per part', 'commands', 1, ({ commands }) => commands / parts),
        measured('bytes to and from Redis, per part', 'bytes', 0, ({ redisBytes }) => redisBytes / parts),
        judged(
          'peak memory of the worker',
          peak / 1e6,
          { atMost: 200 },
          { unit: ' MB', digits: 0, samples: { MB: [peak / 1e6] } },
        ),
      ];
    }),
};
