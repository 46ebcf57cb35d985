import { type Benchmark, judged } from './benchmark.ts';
import { type Rig, withRig } from './rig.ts';

const GIB = 2 ** 30;

/** Memory of a worker, which must not depend on the file size. */
export const memory: Benchmark = {
  name: 'memory',
  title: 'Peak memory of a worker by the size of a file (one sample)',
  run: ({ full, onStep, ...options }) =>
    withRig(options, async (rig) => {
      const large = full ? 20 : 4;
      onStep('1 GiB');
      const one = await peakAfter(rig, 1);
      onStep(`${large} GiB`);
      const many = await peakAfter(rig, large);
      const unit = { unit: ' MB', digits: 0 };
      return [
        judged('1 GiB', one, { atMost: 200 }, { ...unit, samples: { MB: [one] } }),
        judged(`${large} GiB`, many, { atMost: 200 }, { ...unit, samples: { MB: [many] } }),
        judged(`${large} GiB more than 1 GiB`, many - one, { atMost: 20 }, { ...unit, samples: {} }),
      ];
    }),
};

async function peakAfter(rig: Rig, gibibytes: number): Promise<number> {
  const source = await rig.sparseFile(`${gibibytes}.mkv`, gibibytes * GIB);
  const worker = await rig.worker();
  await (await rig.uploads.add({ source })).result();
  const peak = await worker.peakMemory();
  await rig.endWorkers();
  return peak / 1e6;
}
