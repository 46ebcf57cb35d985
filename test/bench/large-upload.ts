import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { startChild } from '../../src/demo/child.ts';
import { HashCache } from '../../src/flow/hash-cache.ts';
import { versionOf } from '../../src/source/version.ts';
import { type Benchmark, judged, median, type Row } from './benchmark.ts';
import { type Rig, withRig } from './rig.ts';

const PART_SIZE = 1_048_576;
/** A sample of the load is taken this often. */
const SAMPLE_MS = 500;
/** All stages but that of the parts, which `empty-parts.ts` runs. */
const STAGES = 'upload,hash,init,finish';

/**
 * What an upload of very many parts needs, which must not depend on how many there are. Its parts are not sent, and its file
 * is not hashed: the other benchmarks measure that.
 */
export const largeUpload: Benchmark = {
  name: 'large-upload',
  title: 'An upload of very many parts, none of which is sent (one sample)',
  run: ({ full, onStep, ...options }) =>
    withRig(options, async (rig) => {
      const many = full ? 200_000 : 40_000;
      const few = full ? 20_000 : 10_000;
      const small = await measureUpload(rig, few, onStep);
      const large = await measureUpload(rig, many, onStep);
      return rowsOf({ many, large, few, small });
    }),
};

interface Measured {
  readonly seconds: number;
  readonly commands: number;
  readonly bytes: number;
  readonly redisMs: number;
  readonly workerMs: number;
  /** Redis memory above that without the upload, at the most. */
  readonly redisBytes: number;
  readonly workerBytes: number;
  /** Of the upload's page, while its parts were processed. */
  readonly pageMs: readonly number[];
  readonly slowestMs: number;
  readonly slowest: string;
}

async function measureUpload(rig: Rig, parts: number, onStep: (text: string) => void): Promise<Measured> {
  onStep(`${parts} parts`);
  const redis = new Redis(rig.redisUrl);
  const source = await rig.sparseFile(`${parts}.mkv`, parts * PART_SIZE);
  const version = versionOf(await stat(source, { bigint: true }));
  await new HashCache(redis, rig.prefix).keep(source, { fileSha: 'f'.repeat(40), version });
  const worker = await rig.worker({}, ['--stages', STAGES]);
  const ops = await rig.ops();
  const sender = await startChild({
    label: 'parts',
    command: process.execPath,
    args: [join(import.meta.dirname, 'empty-parts.ts'), rig.redisUrl, rig.prefix],
    ready: /ready/,
  });
  await redis.config('SET', 'slowlog-log-slower-than', '1000');
  await redis.config('SET', 'slowlog-max-len', '10000');
  await redis.slowlog('RESET');
  const idleBytes = await rig.redisInfo('used_memory');
  const pageMs: number[] = [];
  let redisBytes = 0;
  const usage = await rig.measure(async () => {
    const upload = await rig.uploads.add({ source, partSize: PART_SIZE });
    const end = new AbortController();
    const watched = (async () => {
      while (!end.signal.aborted) {
        redisBytes = Math.max(redisBytes, (await rig.redisInfo('used_memory')) - idleBytes);
        const startedAt = performance.now();
        const response = await fetch(`${ops.url}/uploads/${upload.id}`);
        await response.text();
        pageMs.push(performance.now() - startedAt);
        await sleep(SAMPLE_MS, undefined, { signal: end.signal }).catch(() => {});
      }
    })();
    await upload.result();
    end.abort();
    await watched;
  });
  const slow = (await redis.slowlog('GET', -1)) as [number, number, number, string[]][];
  const [, , slowestUs = 0, [slowest = 'none'] = []] = slow.sort(([, , a], [, , b]) => b - a)[0] ?? [];
  const workerBytes = await worker.peakMemory();
  redis.disconnect();
  await sender.stop();
  await rig.endOps();
  await rig.endWorkers();
  const { wallMs, commands, redisMs, workerMs, redisBytes: bytes } = usage;
  return {
    ...{ seconds: wallMs / 1000, commands, bytes, redisMs, workerMs },
    ...{ redisBytes, workerBytes, pageMs, slowestMs: slowestUs / 1000, slowest },
  };
}

function rowsOf(measured: {
  readonly many: number;
  readonly large: Measured;
  readonly few: number;
  readonly small: Measured;
}): Row[] {
  const { many, large, few, small } = measured;
  const megabytes = { unit: ' MB', digits: 0 };
  const ms = { unit: ' ms', digits: 0 };
  const perPart = (subject: string, of: (measured: Measured) => number): Row => {
    const [above, below] = [of(large) / many, of(small) / few];
    const samples = { [`of ${many}`]: [above], [`of ${few}`]: [below] };
    return judged(
      `${subject} per part, ${many} ÷ ${few} parts`,
      above / below,
      { atMost: 1.05 },
      { samples },
    );
  };
  return [
    {
      subject: `parts processed a second, of ${many}`,
      result: (many / large.seconds).toFixed(0),
      samples: { 'parts/s': [many / large.seconds] },
    },
    perPart('Redis commands', ({ commands }) => commands),
    perPart('bytes to and from Redis', ({ bytes }) => bytes),
    perPart('CPU of Redis', ({ redisMs }) => redisMs),
    perPart('CPU of the worker that adds the parts', ({ workerMs }) => workerMs),
    judged(
      `Redis memory for the ${many} parts, at the most`,
      large.redisBytes / 1e6,
      { atMost: 20 },
      { ...megabytes, samples: { MB: [large.redisBytes / 1e6] } },
    ),
    judged(
      `peak memory of the worker, more than with ${few} parts`,
      (large.workerBytes - small.workerBytes) / 1e6,
      { atMost: 20 },
      { ...megabytes, samples: { MB: [large.workerBytes / 1e6, small.workerBytes / 1e6] } },
    ),
    judged(
      `slowest command in Redis (${large.slowest})`,
      large.slowestMs,
      { atMost: 20 },
      { ...ms, samples: { ms: [large.slowestMs] } },
    ),
    judged(
      'the page of the upload meanwhile',
      median(large.pageMs),
      { atMost: 500 },
      { ...ms, samples: { ms: large.pageMs } },
    ),
  ];
}
