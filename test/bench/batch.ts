import { join } from 'node:path';
import { busiestMinute } from '../support/busiest-minute.ts';
import { writeRandomFile } from '../support/files.ts';
import { type Benchmark, judged, median, type Row, type Settings } from './benchmark.ts';
import { type Rig, withRig } from './rig.ts';

const SIZE = 2_000_000;
/** The default quotas of an account. */
const QUOTAS = { InitUpload: 100, UploadPart: 10_000, FinishUpload: 100 } as const;
const QUOTA_ENV = {
  VOD_QUOTA_INIT_PER_MINUTE: String(QUOTAS.InitUpload),
  VOD_QUOTA_PART_PER_MINUTE: String(QUOTAS.UploadPart),
  VOD_QUOTA_FINISH_PER_MINUTE: String(QUOTAS.FinishUpload),
};
const NO_QUOTA_ENV = {
  VOD_QUOTA_INIT_PER_MINUTE: '0',
  VOD_QUOTA_PART_PER_MINUTE: '0',
  VOD_QUOTA_FINISH_PER_MINUTE: '0',
};

/** Clips added at once to an account that has been idle for a minute, and the longest time that they may take. */
const BATCHES = [
  { clips: 50, atMostS: 3 },
  { clips: 90, atMostS: 5 },
  { clips: 150, atMostS: 70 },
] as const;

/** Batches of clips with the default quotas, next to the same batches without quotas. */
export const batch: Benchmark = {
  name: 'batch',
  title: 'Batches of clips of 2 MB on an idle account, with the default quotas',
  run: async ({ full, onStep, ...settings }: Settings) => {
    const rows: Row[] = [];
    // The small version leaves out the batch that waits for a minute.
    for (const { clips, atMostS } of full ? BATCHES : BATCHES.slice(0, 2)) {
      const samples = clips > QUOTAS.InitUpload ? 1 : settings.samples;
      const withQuota: number[] = [];
      const without: number[] = [];
      const overruns: number[] = [];
      for (let sample = 0; sample <= samples; sample++) {
        if (sample === 0 && clips > QUOTAS.InitUpload) continue;
        onStep(`${clips} clips, ${sample}/${samples}`);
        // A new Redis and a new service for each: both accounts are idle.
        const limited = await withRig(settings, (rig) => send(rig, clips, QUOTA_ENV));
        const unlimited = await withRig(settings, (rig) => send(rig, clips, NO_QUOTA_ENV));
        if (sample === 0) continue;
        withQuota.push(limited.seconds);
        without.push(unlimited.seconds);
        overruns.push(limited.overrun);
      }
      rows.push(
        judged(
          `${clips} clips`,
          median(withQuota),
          { atMost: atMostS },
          {
            unit: ' s',
            digits: 1,
            samples: { s: withQuota },
          },
        ),
        {
          subject: `${clips} clips: for comparison`,
          result: `${median(without).toFixed(1)} s without quotas`,
          samples: { s: without },
        },
        judged(
          `${clips} clips: requests above the quota in any minute`,
          Math.max(...overruns),
          { atMost: 0 },
          {
            digits: 0,
            samples: { requests: overruns },
          },
        ),
      );
    }
    if (full) {
      onStep('permanent load');
      rows.push(await withRig(settings, permanentLoad));
    }
    return rows;
  },
};

/** How much of its quota an account with a backlog uses, with four processes: full minutes only. */
async function permanentLoad(rig: Rig): Promise<Row> {
  const minutes = 3;
  await Promise.all(Array.from({ length: 4 }, () => rig.worker(QUOTA_ENV)));
  await rig.takeStats();
  await sendAll(rig, (minutes + 1) * QUOTAS.InitUpload, 10_000);
  const { InitUpload: times = [] } = (await rig.takeStats()).receivedAt;
  const [first = 0, last = 0] = [times[0], times[minutes * QUOTAS.InitUpload]];
  const share = (minutes * 60_000) / (last - first);
  return judged(
    'share of the quota of InitUpload that a backlog uses, 4 processes',
    share,
    { atLeast: 0.97 },
    { digits: 3, samples: { share: [share] } },
  );
}

async function send(
  rig: Rig,
  clips: number,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly seconds: number; readonly overrun: number }> {
  await rig.worker(env);
  await rig.takeStats();
  const seconds = await sendAll(rig, clips, SIZE);
  const { receivedAt } = await rig.takeStats();
  const overruns = Object.entries(QUOTAS).map(
    ([action, quota]) => busiestMinute(receivedAt[action] ?? []) - quota,
  );
  return { seconds, overrun: Math.max(0, ...overruns) };
}

/** Uploads new clips of `size` bytes. @returns seconds from `add` to the last result */
async function sendAll(rig: Rig, clips: number, size: number): Promise<number> {
  const sources: string[] = [];
  for (let index = 0; index < clips; index++) {
    sources.push(await writeRandomFile(join(rig.sources, `clip-${index}.mp4`), size, index + 1));
  }
  const startedAt = performance.now();
  const uploads = await rig.uploads.addMany(sources.map((source) => ({ source })));
  await Promise.all(uploads.map((upload) => upload.result()));
  return (performance.now() - startedAt) / 1000;
}
