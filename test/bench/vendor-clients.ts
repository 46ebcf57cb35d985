import { join } from 'node:path';
import { LoggedProcess } from '../support/process.ts';
import { type Benchmark, judged, median, medianRatio, type Row } from './benchmark.ts';
import { type Rig, withRig } from './rig.ts';
import { cpuMs } from './usage.ts';

const MIB = 2 ** 20;
/** The cache of compiled code takes memory, and production has none. */
const ENV = { NODE_DISABLE_COMPILE_CACHE: '1' };

/** A client, and its arguments after the origin of the sink. */
interface Vendor {
  readonly name: string;
  readonly args: readonly [client: string, ...more: string[]];
}

const VENDORS: readonly Vendor[] = [
  { name: 'vod-node-sdk', args: ['vod-node-sdk'] },
  { name: 'cos-nodejs-sdk-v5', args: ['cos-nodejs-sdk-v5'] },
  // Of 8 to 64 parts at a time, of 4 to 16 MiB, none was clearly faster.
  {
    name: 'cos-nodejs-sdk-v5 with 16 parts of 8 MiB',
    args: ['cos-nodejs-sdk-v5', '16', String(8 * MIB)],
  },
];

/** A whole upload by API 3.0, from `add` to the `fileId`, compared with the vendor's clients in the same run. */
export const vendorClients: Benchmark = {
  name: 'vendor-clients',
  title: "A whole upload by API 3.0, compared with the vendor's clients",
  async run({ full, samples, onStep, program }) {
    const rows: Row[] = [];
    for (const latencyMs of [0, 50]) {
      for (const mebibytes of full ? [1024, 96] : [96]) {
        const title = `${mebibytes} MiB, ${latencyMs === 0 ? 'loopback' : `${latencyMs} ms latency`}`;
        const runs = await withRig({ program, api: '2018-07-17', latencyMs }, (rig) =>
          compare(rig, mebibytes * MIB, samples, (step) => onStep(`${title}: ${step}`)),
        );
        rows.push(...rowsOf(title, mebibytes * MIB, runs));
      }
    }
    return rows;
  },
};

interface Uploaded {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly sinkMs: number;
  /** Until the first part arrives; of a worker. */
  readonly firstPartMs?: number;
}

interface Client {
  readonly name: string;
  upload(source: string): Promise<Uploaded>;
  peakMemory(): Promise<number>;
  end(): Promise<unknown>;
}

interface Run {
  readonly name: string;
  readonly uploads: readonly Uploaded[];
  /** Bytes, of all its uploads. */
  readonly peak: number;
}

async function compare(
  rig: Rig,
  bytes: number,
  samples: number,
  onStep: (text: string) => void,
): Promise<readonly Run[]> {
  const source = await rig.sparseFile('film.mp4', bytes);
  const clients = [await startWorker(rig), ...VENDORS.map((vendor) => startVendor(rig, vendor))];
  const uploads = clients.map((): Uploaded[] => []);
  for (let sample = 0; sample <= samples; sample++) {
    for (const [index, client] of clients.entries()) {
      onStep(`${client.name}, ${sample}/${samples}`);
      await rig.touch(source);
      const uploaded = await client.upload(source);
      // The first one warms up.
      if (sample > 0) uploads[index]?.push(uploaded);
    }
  }
  const runs = clients.map(async (client, index) => {
    const run = { name: client.name, uploads: uploads[index] ?? [], peak: await client.peakMemory() };
    await client.end();
    return run;
  });
  return await Promise.all(runs);
}

async function startWorker(rig: Rig): Promise<Client> {
  const worker = await rig.worker(ENV);
  return {
    name: 'worker',
    async upload(source) {
      await rig.takeStats();
      const addedAt = Date.now();
      const { wallMs, workerMs, redisMs, sinkMs } = await rig.measure(async () =>
        (await rig.uploads.add({ source })).result(),
      );
      const { firstAt } = await rig.takeStats();
      return { wallMs, cpuMs: workerMs + redisMs, sinkMs, firstPartMs: firstAt - addedAt };
    },
    peakMemory: () => worker.peakMemory(),
    end: () => rig.endWorkers(),
  };
}

function startVendor(rig: Rig, { name, args: [client, ...more] }: Vendor): Client {
  const script = join(import.meta.dirname, 'vendor-client.ts');
  // They keep the state of their uploads there.
  const env = { ...ENV, HOME: rig.sources };
  const vendor = new LoggedProcess([script, client, new URL(rig.sinkUrl).origin, ...more], env);
  let uploads = 0;
  return {
    name,
    async upload(source) {
      const before = await cpuMs(vendor.pid);
      const upload = ++uploads;
      let wallMs = Number.NaN;
      const { sinkMs } = await rig.measure(async () => {
        vendor.child.stdin?.write(`${source}\n`);
        const { ms } = await vendor.line((line) => line.upload === upload);
        wallMs = Number(ms);
      });
      return { wallMs, cpuMs: (await cpuMs(vendor.pid)) - before, sinkMs };
    },
    peakMemory: () => vendor.peakMemory(),
    end: () => vendor.end(),
  };
}

function rowsOf(title: string, bytes: number, [worker, ...vendors]: readonly Run[]): Row[] {
  const [fastest] = vendors.toSorted((a, b) => wallMsOf(a) - wallMsOf(b));
  if (worker === undefined || fastest === undefined) return [];
  const times = ({ uploads }: Run): number[] => uploads.map(({ wallMs }) => wallMs);
  const firstPartMs = worker.uploads.map(({ firstPartMs = Number.NaN }) => firstPartMs);
  const megabytes = { MB: [worker, ...vendors].map(({ peak }) => peak / 1e6) };
  return [
    judged(
      `${title}: speed, worker ÷ ${fastest.name}`,
      medianRatio(times(fastest), times(worker)),
      { atLeast: 1.5 },
      { samples: { 'worker ms': times(worker), 'vendor ms': times(fastest) } },
    ),
    judged(
      `${title}: peak memory, worker ÷ ${fastest.name}`,
      worker.peak / fastest.peak,
      { atMost: 0.25 },
      { samples: megabytes },
    ),
    {
      subject: `${title}: from \`add\` to the first part`,
      result: `${median(firstPartMs).toFixed(0)} ms`,
      samples: { ms: firstPartMs },
    },
    ...[worker, ...vendors].map((run) => described(title, bytes, run)),
  ];
}

function described(title: string, bytes: number, run: Run): Row {
  const { name, uploads, peak } = run;
  const perGibibyte = (of: (upload: Uploaded) => number): string =>
    ((median(uploads.map(of)) * 2 ** 30) / bytes / 1000).toFixed(2);
  const cpu = `CPU per GiB ${perGibibyte(({ cpuMs }) => cpuMs)} s`;
  const sink = `of the sink ${perGibibyte(({ sinkMs }) => sinkMs)} s`;
  return {
    subject: `${title}: ${name}`,
    result: `${(wallMsOf(run) / 1000).toFixed(2)} s; ${cpu}, ${sink}; peak ${(peak / 1e6).toFixed(0)} MB`,
    samples: { ms: uploads.map(({ wallMs }) => wallMs), 'CPU ms': uploads.map(({ cpuMs }) => cpuMs) },
  };
}

function wallMsOf({ uploads }: Run): number {
  return median(uploads.map(({ wallMs }) => wallMs));
}
