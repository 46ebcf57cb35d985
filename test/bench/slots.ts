/**
 * PART_CONCURRENCY as a range against fixed numbers in it, over latencies: what one worker process gets through, each
 * in turn, as the median of several samples. `node test/bench/slots.ts [--full] [LATENCY_MS …]` prints a table and JSON.
 */
import { median } from './benchmark.ts';
import { type Rig, withRig } from './rig.ts';

const MIB = 2 ** 20;
const BOUNDS = '4-64';
const FIXED = ['4', '8', '16', '32', '64'];
/** What a worker has to find its number in. */
const FINDING_MS = 5000;
const MOST_PARTS = 512;
const columns = [...FIXED, BOUNDS];
const FULL = process.argv.includes('--full');
const SAMPLES = FULL ? 5 : 3;
const ASKED = process.argv
  .slice(2)
  .filter((word) => /^\d+$/.test(word))
  .map(Number);
const LATENCIES = ASKED.length > 0 ? ASKED : [5, 20, 50, 100, 200];

interface Result {
  readonly latencyMs: number;
  /** Parts a second, by PART_CONCURRENCY. */
  readonly samples: Readonly<Record<string, number[]>>;
  readonly ratio: number;
  /** Of the adaptive worker, at the end. */
  readonly slots: number;
  readonly peakMib: Readonly<Record<string, number>>;
}

const results: Result[] = [];
for (const latencyMs of LATENCIES) {
  results.push(await withRig({ program: 'workers/main.ts', latencyMs }, (rig) => compare(rig, latencyMs)));
}
const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
process.stdout.write(
  `${[
    row(['latency', ...columns, 'ratio to the best', 'slots', 'peak MiB']),
    row(Array(columns.length + 4).fill('---')),
    ...results.map(({ latencyMs, samples, ratio, slots, peakMib }) =>
      row([
        `${latencyMs} ms`,
        ...columns.map((name) => median(samples[name] ?? []).toFixed(0)),
        ratio.toFixed(2),
        slots,
        (peakMib[BOUNDS] ?? 0).toFixed(0),
      ]),
    ),
  ].join('\n')}\n\n${JSON.stringify(results)}\n`,
);

async function compare(rig: Rig, latencyMs: number): Promise<Result> {
  const file = async (parts: number) => await rig.sparseFile(`${parts}.mp4`, parts * MIB);
  const samples: Record<string, number[]> = Object.fromEntries(columns.map((name) => [name, []]));
  let slots = 0;
  const peakMib: Record<string, number> = {};
  // What an adaptive worker has found must be its own: each sample has a new process, which first has time to find it.
  for (let sample = 0; sample < SAMPLES; sample++) {
    for (const name of columns) {
      const worker = await rig.worker({ PART_CONCURRENCY: name });
      const path = await file(name === BOUNDS ? MOST_PARTS : Math.max(64, 8 * Number(name)));
      // The first one warms a process up.
      const warmMs = performance.now() + (name === BOUNDS ? FINDING_MS : 0);
      do await send(rig, path);
      while (performance.now() < warmMs);
      samples[name]?.push(await send(rig, path));
      if (name === BOUNDS) slots = await worker.metric('vod_part_slots');
      peakMib[name] = Math.max(peakMib[name] ?? 0, (await worker.peakMemory()) / MIB);
      await rig.endWorkers();
    }
  }
  const best = Math.max(...FIXED.map((name) => median(samples[name] ?? [])));
  return { latencyMs, samples, ratio: median(samples[BOUNDS] ?? []) / best, slots, peakMib };
}

/** @returns parts a second, from the first one's head to the last one's answer */
async function send(rig: Rig, path: string): Promise<number> {
  await rig.takeStats();
  const upload = await rig.uploads.add({ source: path });
  await upload.result();
  const { parts, firstAt, lastAt } = await rig.takeStats();
  return (parts * 1000) / (lastAt - firstAt);
}
