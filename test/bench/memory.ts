import { setTimeout as sleep } from 'node:timers/promises';
import { type Benchmark, judged, type Row } from './benchmark.ts';
import { type Rig, withRig } from './rig.ts';
import { residentBytes } from './usage.ts';

const GIB = 2 ** 30;
/** By then a process has opened its connections and does nothing. */
const AT_REST_MS = 3000;
/** The cache of compiled code, which production does not have either, takes 9 MB. */
const ENV = { NODE_DISABLE_COMPILE_CACHE: '1' };
const PAGES = ['/uploads', '/metrics', '/dashboard', '/dashboard/api/queues'];
const ROUNDS = 50;

/** Memory of the processes. That of a worker must not depend on the file size. */
export const memory: Benchmark = {
  name: 'memory',
  title: 'Resident memory of a worker and of `vod-upload ops` (one sample)',
  run: ({ full, onStep, ...options }) =>
    withRig(options, async (rig) => {
      const large = full ? 20 : 4;
      onStep('1 GiB, 8 slots');
      const one = await measureWorker(rig, { gibibytes: 1, slots: '8' });
      onStep('1 GiB, 32 slots');
      const wide = await measureWorker(rig, { gibibytes: 1, slots: '32' });
      onStep(`${large} GiB, 8 slots`);
      const many = await measureWorker(rig, { gibibytes: large, slots: '8' });
      onStep('ops');
      const ops = await measureOps(rig);
      return [
        row('a worker at rest', one.atRest, 150),
        row('its peak, 1 GiB and 8 slots', one.peak, 200),
        row('its peak, 1 GiB and 32 slots', wide.peak, 240),
        row(`its peak, ${large} GiB and 8 slots`, many.peak, 200),
        row(`${large} GiB more than 1 GiB`, many.peak - one.peak, 20),
        row('`vod-upload ops` at rest', ops.atRest, 160),
        row(`its peak after ${ROUNDS * PAGES.length} pages and scrapes`, ops.peak, 160),
      ];
    }),
};

interface Memory {
  readonly atRest: number;
  readonly peak: number;
}

function row(subject: string, bytes: number, atMost: number): Row {
  const megabytes = bytes / 1e6;
  return judged(subject, megabytes, { atMost }, { unit: ' MB', digits: 0, samples: { MB: [megabytes] } });
}

async function measureWorker(
  rig: Rig,
  { gibibytes, slots }: { readonly gibibytes: number; readonly slots: string },
): Promise<Memory> {
  const source = await rig.sparseFile(`${gibibytes}.mkv`, gibibytes * GIB);
  await rig.touch(source);
  const worker = await rig.worker({ ...ENV, PART_CONCURRENCY: slots });
  await sleep(AT_REST_MS);
  const atRest = await residentBytes(worker.pid);
  await (await rig.uploads.add({ source })).result();
  const peak = await residentBytes(worker.pid, 'peak');
  await rig.endWorkers();
  return { atRest, peak };
}

async function measureOps(rig: Rig): Promise<Memory> {
  const ops = await rig.ops(ENV);
  await sleep(AT_REST_MS);
  const atRest = await residentBytes(ops.pid);
  for (let round = 0; round < ROUNDS; round++) {
    for (const page of PAGES) await (await fetch(`${ops.url}${page}`)).text();
  }
  return { atRest, peak: await residentBytes(ops.pid, 'peak') };
}
