import { type Benchmark, judged, median, type Row, type Settings } from './benchmark.ts';
import { type Rig, withRig } from './rig.ts';

const PART_SIZE = 524_288;
const RANGE = '4-32';
const FIXED = ['4', '8', '16', '32'];
/** 64 parts per second: with more, the CPU of a small machine is the limit. */
const LINE_BYTES_PER_SECOND = 64 * PART_SIZE;
/** Time of a new worker before its second measurement. */
const WARM_UP_MS = 5000;
const PARTS = 128;

/** PART_CONCURRENCY as a range, compared to fixed numbers in the range. */
export const slots: Benchmark = {
  name: 'slots',
  title: `Part slots that a worker finds in ${RANGE} on a line of 32 MiB/s, ÷ the best fixed number`,
  async run(settings) {
    const rows: Row[] = [];
    for (const latencyMs of settings.full ? [5, 20, 50, 100, 200] : [5, 200]) {
      const options = { ...settings, latencyMs, bytesPerSecond: LINE_BYTES_PER_SECOND };
      rows.push(...(await withRig(options, (rig) => compare(rig, latencyMs, settings))));
    }
    return rows;
  },
};

interface Speeds {
  /** Parts per second of the first upload of a process, and of one after the warm-up. */
  readonly first: number[];
  readonly later: number[];
}

async function compare(rig: Rig, latencyMs: number, { samples, onStep }: Settings): Promise<Row[]> {
  const speeds = new Map<string, Speeds>([...FIXED, RANGE].map((name) => [name, { first: [], later: [] }]));
  const found: number[] = [];
  const path = await rig.sparseFile('slots.mp4', PARTS * PART_SIZE);
  // Each sample has a new process, which must find its number.
  for (let sample = 1; sample <= samples; sample++) {
    for (const [name, { first, later }] of speeds) {
      onStep(`${latencyMs} ms, ${name} slots, ${sample}/${samples}`);
      const worker = await rig.worker({ PART_CONCURRENCY: name });
      const warmMs = performance.now() + WARM_UP_MS;
      first.push(await send(rig, path));
      while (performance.now() < warmMs) await send(rig, path);
      later.push(await send(rig, path));
      if (name === RANGE) found.push(await worker.metric('vod_part_slots'));
      await rig.endWorkers();
    }
  }
  const row = (which: keyof Speeds, what: string, atLeast: number): Row => {
    const of = (name: string): number => median(speeds.get(name)?.[which] ?? []);
    const best = Math.max(...FIXED.map(of));
    const fixed = FIXED.map((name) => `${name}: ${of(name).toFixed(0)}`).join(', ');
    const all = Object.fromEntries([...speeds].map(([name, lists]) => [`${name}, parts/s`, lists[which]]));
    const subject = `${latencyMs} ms, ${what}: ${of(RANGE).toFixed(0)} parts/s (${fixed})`;
    return judged(subject, of(RANGE) / best, { atLeast }, { samples: { ...all, found } });
  };
  return [
    row('first', 'first upload of a worker', 0.8),
    row('later', `later with ${median(found)} slots`, 0.9),
  ];
}

/** @returns parts/s, from the first part's headers to the last reply */
async function send(rig: Rig, path: string): Promise<number> {
  await rig.takeStats();
  await (await rig.uploads.add({ source: path, partSize: PART_SIZE })).result();
  const { parts, firstAt, lastAt } = await rig.takeStats();
  return (parts * 1000) / (lastAt - firstAt);
}
