import { type Benchmark, judged, median, type Row } from './benchmark.ts';
import { withRig } from './rig.ts';

const LATENCY_MS = 50;
const PART_SIZE = 524_288;

/** VOD with latency, where the number of slots is the limit. */
export const latency: Benchmark = {
  name: 'latency',
  title: `VOD with ${LATENCY_MS} ms latency: parts/s, measured ÷ possible (slots ÷ latency)`,
  run: ({ full, samples, onStep, ...options }) =>
    withRig({ ...options, latencyMs: LATENCY_MS }, async (rig) => {
      const rows: Row[] = [];
      for (const slots of [4, 8, 16, 32]) {
        // Parts for some seconds with any number of slots.
        const parts = slots * (full ? 160 : 60);
        const source = await rig.sparseFile(`latency-${slots}.mp4`, parts * PART_SIZE);
        await rig.worker({ PART_CONCURRENCY: String(slots) });
        const ratios: number[] = [];
        for (let sample = 0; sample <= samples; sample++) {
          onStep(`${slots} slots, ${sample}/${samples}`);
          await rig.takeStats();
          await (await rig.uploads.add({ source, partSize: PART_SIZE })).result();
          const { firstAt, lastAt } = await rig.takeStats();
          if (sample > 0) ratios.push((parts * LATENCY_MS) / (slots * (lastAt - firstAt)));
        }
        await rig.endWorkers();
        rows.push(
          judged(`${slots} slots`, median(ratios), { atLeast: 0.93 }, { samples: { ratio: ratios } }),
        );
      }
      return rows;
    }),
};
