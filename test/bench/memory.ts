import { setTimeout as sleep } from 'node:timers/promises';
import { defined } from '../../src/base/defined.ts';
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
/** Such parts are sent while they are read. */
const LARGE_PART_BYTES = 64 * 2 ** 20;

/** Memory of the processes. That of a worker must not depend on the file size. */
export const memory: Benchmark = {
  name: 'memory',
  title: 'Resident memory of a worker and of `vod-upload ops` (one sample)',
  async run({ full, onStep, ...options }) {
    const large = full ? 20 : 4;
    const v2 = await withRig(options, async (rig) => {
      const worker = await measureWorkers(rig, { large, onStep, peaks: [200, 240] });
      onStep('ops');
      const ops = await measureOps(rig);
      return [
        ...worker,
        row('`vod-upload ops` at rest', ops.atRest, 160),
        row(`its peak after ${ROUNDS * PAGES.length} pages and scrapes`, ops.peak, 160),
      ];
    });
    const api3 = await withRig({ ...options, api: '2018-07-17' }, async (rig) => [
      ...(await measureWorkers(rig, { large, onStep, label: 'API 3.0: ', peaks: [220, 290] })),
      ...(await measureWorkers(rig, {
        ...{ large, onStep, label: 'API 3.0, parts of 64 MiB: ', peaks: [220, 290] },
        partSize: LARGE_PART_BYTES,
      })),
    ]);
    return [...v2, ...api3];
  },
};

/** @param options.peaks goals with 8 slots and with 32, in MB */
async function measureWorkers(
  rig: Rig,
  options: {
    readonly large: number;
    readonly partSize?: number;
    readonly label?: string;
    readonly peaks: readonly [eight: number, many: number];
    readonly onStep: (text: string) => void;
  },
): Promise<Row[]> {
  const { large, partSize, label = '', peaks, onStep } = options;
  const measure = async (gibibytes: number, slots: string): Promise<Memory> => {
    onStep(`${label}${gibibytes} GiB, ${slots} slots`);
    return await measureWorker(rig, { gibibytes, slots, ...defined({ partSize }) });
  };
  const one = await measure(1, '8');
  const wide = await measure(partSize === undefined ? 1 : large, '32');
  const many = await measure(large, '8');
  return [
    row(`${label}a worker at rest`, one.atRest, 150),
    row(`${label}its peak, 1 GiB and 8 slots`, one.peak, peaks[0]),
    row(`${label}its peak, ${partSize === undefined ? 1 : large} GiB and 32 slots`, wide.peak, peaks[1]),
    row(`${label}its peak, ${large} GiB and 8 slots`, many.peak, peaks[0]),
    row(`${label}${large} GiB more than 1 GiB`, many.peak - one.peak, 20),
  ];
}

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
  upload: { readonly gibibytes: number; readonly slots: string; readonly partSize?: number },
): Promise<Memory> {
  const { gibibytes, slots, partSize } = upload;
  const source = await rig.sparseFile(`${gibibytes}.mkv`, gibibytes * GIB);
  await rig.touch(source);
  const worker = await rig.worker({ ...ENV, PART_CONCURRENCY: slots });
  await sleep(AT_REST_MS);
  const atRest = await residentBytes(worker.pid);
  await (await rig.uploads.add({ source, ...defined({ partSize }) })).result();
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
