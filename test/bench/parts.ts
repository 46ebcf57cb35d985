import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PART_SIZES, type PartSize } from '../../src/vod/wire/protocol.ts';
import { writeRandomFile } from '../support/files.ts';
import type { BareLoopResult } from './bare-loop.ts';
import { type Benchmark, judged, median, medianRatio, type Row, type Settings } from './benchmark.ts';
import { type Rig, withRig } from './rig.ts';

const run = promisify(execFile);

/** One worker process and one file with a cached SHA-1: only reading, MD5 and UploadPart are measured. */
export const parts: Benchmark = {
  name: 'parts',
  title: 'Parts of one worker process, compared to a bare loop of the same requests',
  run: (settings) =>
    withRig(settings, async (rig) => {
      const path = await writeRandomFile(`${rig.sources}/parts.mp4`, settings.full ? 2 ** 30 : 2 ** 28, 2);
      const rows: Row[] = [];
      for (const slots of [8, 32]) {
        await rig.worker({ PART_CONCURRENCY: String(slots) });
        for (const partSize of PART_SIZES) {
          rows.push(...(await compare(rig, { path, partSize, slots }, settings)));
        }
        await rig.endWorkers();
      }
      return rows;
    }),
};

interface Setup {
  readonly path: string;
  readonly partSize: PartSize;
  readonly slots: number;
}

/** @returns parts/s and CPU per part of the worker, a bare loop, and a bare loop with the worker's client */
export async function compare(rig: Rig, setup: Setup, { samples, onStep }: Settings): Promise<Row[]> {
  const { path, partSize, slots } = setup;
  const subject = `${partSize / 1024} KiB, ${slots} slots`;
  const speed = { worker: [] as number[], bare: [] as number[], vod: [] as number[] };
  const cpu = { worker: [] as number[], bare: [] as number[], vod: [] as number[] };
  // The first upload warms up the worker and caches the SHA-1.
  for (let sample = 0; sample <= samples; sample++) {
    onStep(`${subject}, ${sample}/${samples}`);
    await rig.takeStats();
    const { workerMs } = await rig.measure(async () => {
      const upload = await rig.uploads.add({ source: path, partSize });
      await upload.result();
    });
    const { parts, firstAt, lastAt } = await rig.takeStats();
    if (sample === 0) continue;
    speed.worker.push((parts * 1000) / (lastAt - firstAt));
    cpu.worker.push(workerMs / parts);
    for (const client of ['bare', 'vod'] as const) {
      const program = join(import.meta.dirname, 'bare-loop.ts');
      const args = [program, path, partSize, slots, rig.sinkUrl, client].map(String);
      const loop = JSON.parse((await run(process.execPath, args)).stdout) as BareLoopResult;
      if (loop.parts !== parts) throw new Error(`the worker sent ${parts} parts, the loop ${loop.parts}`);
      speed[client].push((parts * 1000) / loop.wallMs);
      cpu[client].push(loop.cpuMs / parts);
    }
  }
  const each = (values: typeof speed, unit: string) =>
    Object.fromEntries(Object.entries(values).map(([name, list]) => [`${name} ${unit}`, list]));
  const [speeds, costs] = [each(speed, 'parts/s'), each(cpu, 'CPU ms a part')];
  const more = cpu.worker.map((ms, index) => ms - (cpu.bare[index] ?? Number.NaN));
  return [
    judged(
      `${subject}: parts/s, worker ÷ bare loop`,
      medianRatio(speed.worker, speed.bare),
      { atLeast: 0.9 },
      {
        samples: speeds,
      },
    ),
    judged(
      `${subject}: CPU of a part above the bare loop's`,
      median(more),
      { atMost: 0.25 },
      { unit: ' ms', samples: costs },
    ),
    {
      subject: `${subject}: for comparison`,
      result:
        `worker ${median(speed.worker).toFixed(0)} parts/s at ${median(cpu.worker).toFixed(2)} ms; ` +
        `bare ${median(speed.bare).toFixed(0)} at ${median(cpu.bare).toFixed(2)} ms; ` +
        `its client alone ${median(speed.vod).toFixed(0)} at ${median(cpu.vod).toFixed(2)} ms`,
      samples: {},
    },
  ];
}
