import { join } from 'node:path';
import { createVodClient } from '../../src/vod/client.ts';
import { writeRandomFile } from '../support/files.ts';
import { type Benchmark, judged, median } from './benchmark.ts';
import { countCommands } from './redis-commands.ts';
import { type Rig, withRig } from './rig.ts';

const SIZE = 100_000;

/** Many clips, where the cost is mainly the overhead per upload. */
export const smallFiles: Benchmark = {
  name: 'small-files',
  title: 'Small files of 100 KB',
  run: ({ full, samples, onStep, ...options }) =>
    withRig(options, async (rig) => {
      const count = full ? 1000 : 300;
      await rig.worker();
      const perSecond: number[] = [];
      const cpu: number[] = [];
      const overhead: number[] = [];
      const commands: number[] = [];
      let seed = 0;
      const writeFiles = async (name: string): Promise<string[]> => {
        const sources: string[] = [];
        for (let index = 0; index < count; index++) {
          const path = join(rig.sources, `small-${name}-${index}.mp4`);
          sources.push(await writeRandomFile(path, SIZE, ++seed));
        }
        return sources;
      };
      for (let sample = 0; sample <= samples; sample++) {
        onStep(`${count} files, ${sample}/${samples}`);
        const sources = await writeFiles(String(sample));
        const before = process.cpuUsage();
        const usage = await rig.measure(() => uploadAll(rig, sources));
        const producer = process.cpuUsage(before);
        const producerMs = (producer.user + producer.system) / 1000;
        const bareMs = await bareCalls(rig.sinkUrl, count);
        if (sample === 0) continue;
        const all = producerMs + usage.workerMs + usage.redisMs;
        perSecond.push((count * 1000) / usage.wallMs);
        cpu.push(all / count);
        overhead.push((all - bareMs) / count);
        commands.push(usage.commands / count);
      }
      onStep('counting commands');
      const last = await writeFiles('last');
      const { bullmq, own } = await countCommands(rig.redisUrl, () => uploadAll(rig, last));
      return [
        {
          subject: 'uploads per second, one worker process',
          result: median(perSecond).toFixed(0),
          samples: { 'uploads/s': perSecond },
        },
        {
          subject: 'CPU of producer, worker and Redis, per upload',
          result: `${median(cpu).toFixed(2)} ms`,
          samples: { ms: cpu },
        },
        judged(
          'thereof not for its three requests',
          median(overhead),
          { atMost: 4 },
          { unit: ' ms', samples: { ms: overhead } },
        ),
        {
          subject: 'Redis commands per upload',
          result: median(commands).toFixed(0),
          samples: { commands },
        },
        judged(
          'thereof not of BullMQ’s workers and events',
          own / count,
          { atMost: 75 },
          { digits: 0, samples: { 'own commands': [own / count], 'commands of BullMQ': [bullmq / count] } },
        ),
      ];
    }),
};

async function uploadAll(rig: Rig, sources: readonly string[]): Promise<void> {
  const uploads = await rig.uploads.addMany(sources.map((source) => ({ source })));
  await Promise.all(uploads.map((upload) => upload.result()));
}

/** CPU in ms of the same requests for as many files, without a queue. */
async function bareCalls(endpoint: string, count: number): Promise<number> {
  const credentials = { secretId: 'AKIDbench', secretKey: 'bench' };
  const vod = createVodClient({ endpoint, credentials, connections: 8 });
  const fileSha = '0'.repeat(40);
  const body = Buffer.alloc(SIZE);
  const before = process.cpuUsage();
  for (let index = 0; index < count; index++) {
    await vod.initUpload({
      fileName: 'small',
      fileType: 'mp4',
      fileSha,
      fileSize: SIZE,
      dataSize: 1_048_576,
    });
    await vod.uploadPart({ fileSha, offset: 0, dataMd5: '0'.repeat(32), body });
    await vod.finishUpload(fileSha);
  }
  const { user, system } = process.cpuUsage(before);
  vod.close();
  return (user + system) / 1000;
}
