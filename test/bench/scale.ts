import { busiestMinute } from '../support/busiest-minute.ts';
import { type Benchmark, judged, median, type Row } from './benchmark.ts';
import { type Rig, withRig } from './rig.ts';

const LATENCY_MS = 200;
const SLOTS = 8;
const PART_SIZE = 524_288;

/** Several worker processes, limited by VOD's latency and not by this machine; and the quota with four of them. */
export const scale: Benchmark = {
  name: 'scale',
  title: `More worker processes of ${SLOTS} slots, at ${LATENCY_MS} ms latency`,
  run: ({ full, samples, onStep, ...options }) =>
    withRig({ ...options, latencyMs: LATENCY_MS }, async (rig) => {
      const parts = full ? 1200 : 400;
      const source = await rig.sparseFile('scale.mp4', parts * PART_SIZE);
      const speeds = new Map<number, number[]>();
      for (const processes of [1, 2, 4]) {
        await Promise.all(
          Array.from({ length: processes }, () => rig.worker({ PART_CONCURRENCY: String(SLOTS) })),
        );
        const perSecond: number[] = [];
        for (let sample = 0; sample <= samples; sample++) {
          onStep(`${processes} processes, ${sample}/${samples}`);
          await rig.takeStats();
          await (await rig.uploads.add({ source, partSize: PART_SIZE })).result();
          const { firstAt, lastAt } = await rig.takeStats();
          if (sample > 0) perSecond.push((parts * 1000) / (lastAt - firstAt));
        }
        speeds.set(processes, perSecond);
        await rig.endWorkers();
      }
      const one = median(speeds.get(1) ?? []);
      const rows: Row[] = [
        {
          subject: '1 process',
          result: `${one.toFixed(1)} parts/s`,
          samples: { 'parts/s': speeds.get(1) ?? [] },
        },
      ];
      for (const processes of [2, 4]) {
        const perSecond = speeds.get(processes) ?? [];
        const ratio = median(perSecond) / (processes * one);
        rows.push(
          judged(
            `${processes} processes ÷ ${processes} × one`,
            ratio,
            { atLeast: 0.95 },
            { samples: { 'parts/s': perSecond } },
          ),
        );
      }
      if (full) {
        onStep('quota');
        rows.push(await quota(rig));
      }
      return rows;
    }),
};

/** Highest number of parts in any minute, with the default quota. */
async function quota(rig: Rig): Promise<Row> {
  const limit = 10_000;
  const env = { VOD_QUOTA_PART_PER_MINUTE: String(limit), PART_CONCURRENCY: '16' };
  await Promise.all(Array.from({ length: 4 }, () => rig.worker(env)));
  // Runs a little longer than a minute.
  const source = await rig.sparseFile('quota.mp4', 1.1 * limit * PART_SIZE);
  await rig.takeStats();
  await (await rig.uploads.add({ source, partSize: PART_SIZE })).result();
  const { receivedAt } = await rig.takeStats();
  const most = busiestMinute(receivedAt.UploadPart ?? []);
  await rig.endWorkers();
  return judged(
    `highest number of parts per minute, quota ${limit}, 4 processes`,
    most,
    { atMost: limit },
    { digits: 0, samples: { parts: [most] } },
  );
}
