import { type Benchmark, judged, median, type Row } from './benchmark.ts';
import { type Rig, withRig } from './rig.ts';
import { describeSpans, type TimedUpload, timeUpload } from './stage-times.ts';

const LATENCY_MS = 50;
const PART_SIZE = 524_288;

/** Slots for a whole upload. */
const WHOLE_SLOTS = 10;
/** What a whole upload may take besides hashing and sending. */
const OVERHEAD_MS = 300;

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
      return [...rows, ...(await wholeUploads(rig, { size: full ? 2 ** 30 : 2 ** 28, samples, onStep }))];
    }),
};

/** Uploads of a large file, compared to its SHA-1 and the latency of its parts alone. */
async function wholeUploads(
  rig: Rig,
  { size, samples, onStep }: { size: number; samples: number; onStep: (text: string) => void },
): Promise<Row[]> {
  const source = await rig.sparseFile('latency-whole.mp4', size);
  await rig.worker({ PART_CONCURRENCY: String(WHOLE_SLOTS) });
  const uploads: TimedUpload[] = [];
  for (let sample = 0; sample <= samples; sample++) {
    onStep(`whole upload, ${sample}/${samples}`);
    await rig.touch(source);
    const upload = await timeUpload(rig, { source });
    if (sample > 0) uploads.push(upload);
  }
  const floors = uploads.map(
    ({ spans, result }) => spans['SHA-1'] + (result.partsSent * LATENCY_MS) / WHOLE_SLOTS,
  );
  const ratios = uploads.map(({ totalMs }, index) => (totalMs - OVERHEAD_MS) / (floors[index] ?? Number.NaN));
  const totals = uploads.map(({ totalMs }) => totalMs);
  const subject = `${size / 2 ** 20} MiB, ${WHOLE_SLOTS} slots, from \`add\` to \`fileId\``;
  return [
    judged(
      `${subject}: all but ${OVERHEAD_MS / 1000} s ÷ (SHA-1 + parts ÷ slots × latency)`,
      median(ratios),
      { atMost: 1.1 },
      { samples: { ratio: ratios } },
    ),
    {
      subject: `${subject}: for comparison`,
      result: `${(median(totals) / 1000).toFixed(2)} s; at least ${(median(floors) / 1000).toFixed(2)} s`,
      samples: { ms: totals, 'at least ms': floors },
    },
    { subject: `${subject}: where the time goes`, result: describeSpans(uploads), samples: {} },
  ];
}
