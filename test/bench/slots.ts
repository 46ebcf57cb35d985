import { type Benchmark, judged, median, type Row, type Settings } from './benchmark.ts';
import { type Rig, withRig } from './rig.ts';

const PART_SIZE = 524_288;
const RANGE = '4-64';
const FIXED = ['4', '8', '16', '32', '64'];
/** Warm-up of a worker, in which one with a range finds its number of slots. */
const WARM_UP_MS = 5000;
const PARTS = 256;

/** PART_CONCURRENCY as a range, compared to fixed numbers in the range. */
export const slots: Benchmark = {
  name: 'slots',
  title: `Part slots that a worker finds in ${RANGE}, ÷ the best fixed number`,
  async run(settings) {
    const rows: Row[] = [];
    for (const latencyMs of settings.full ? [5, 20, 50, 100, 200] : [20, 100]) {
      rows.push(await withRig({ ...settings, latencyMs }, (rig) => compare(rig, latencyMs, settings)));
    }
    return rows;
  },
};

async function compare(rig: Rig, latencyMs: number, { samples, onStep }: Settings): Promise<Row> {
  const speeds = new Map<string, number[]>([...FIXED, RANGE].map((name) => [name, []]));
  const found: number[] = [];
  const path = await rig.sparseFile('slots.mp4', PARTS * PART_SIZE);
  // Each sample has a new process, which must find its number.
  for (let sample = 1; sample <= samples; sample++) {
    for (const [name, perSecond] of speeds) {
      onStep(`${latencyMs} ms, ${name} slots, ${sample}/${samples}`);
      const worker = await rig.worker({ PART_CONCURRENCY: name });
      const warmMs = performance.now() + WARM_UP_MS;
      do await send(rig, path);
      while (performance.now() < warmMs);
      perSecond.push(await send(rig, path));
      if (name === RANGE) found.push(await worker.metric('vod_part_slots'));
      await rig.endWorkers();
    }
  }
  const of = (name: string): number => median(speeds.get(name) ?? []);
  const best = FIXED.reduce((a, b) => (of(a) >= of(b) ? a : b));
  const fixed = FIXED.map((name) => `${name}: ${of(name).toFixed(0)}`).join(', ');
  const subject = `${latencyMs} ms: ${of(RANGE).toFixed(0)} parts/s with ${median(found)} (${fixed})`;
  const all = Object.fromEntries([...speeds].map(([name, list]) => [`${name} slots, parts/s`, list]));
  return judged(subject, of(RANGE) / of(best), { atLeast: 0.9 }, { samples: { ...all, found } });
}

/** @returns parts/s, from the first part's headers to the last reply */
async function send(rig: Rig, path: string): Promise<number> {
  await rig.takeStats();
  await (await rig.uploads.add({ source: path, partSize: PART_SIZE })).result();
  const { parts, firstAt, lastAt } = await rig.takeStats();
  return (parts * 1000) / (lastAt - firstAt);
}
