import { type Benchmark, judged, median, type Row, type Settings } from './benchmark.ts';
import { type Rig, withRig } from './rig.ts';

const MIB = 2 ** 20;
const RANGE = '4-64';
const FIXED = ['4', '8', '16', '32', '64'];
/** What a worker has to find its number in. */
const FINDING_MS = 5000;
const MOST_PARTS = 512;

/** PART_CONCURRENCY as a range, against fixed numbers in it. */
export const slots: Benchmark = {
  name: 'slots',
  title: `Part slots that a worker finds by itself in ${RANGE}, ÷ the best fixed number`,
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
  // Each sample has a new process, which must find its own number.
  for (let sample = 1; sample <= samples; sample++) {
    for (const [name, perSecond] of speeds) {
      onStep(`${latencyMs} ms, ${name} slots, ${sample}/${samples}`);
      const worker = await rig.worker({ PART_CONCURRENCY: name });
      const parts = name === RANGE ? MOST_PARTS : Math.max(64, 8 * Number(name));
      const path = await rig.sparseFile(`${parts}.mp4`, parts * MIB);
      const warmMs = performance.now() + (name === RANGE ? FINDING_MS : 0);
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

/** @returns parts a second, from the first one's head to the last one's answer */
async function send(rig: Rig, path: string): Promise<number> {
  await rig.takeStats();
  await (await rig.uploads.add({ source: path })).result();
  const { parts, firstAt, lastAt } = await rig.takeStats();
  return (parts * 1000) / (lastAt - firstAt);
}
