import { type Benchmark, judged, type Row } from './benchmark.ts';
import { withRig } from './rig.ts';

/** Many waiting uploads, and a worker that starts with them. */
export const backlog: Benchmark = {
  name: 'backlog',
  title: 'A backlog of uploads, and a worker that starts with it (one sample)',
  run: ({ full, onStep, ...options }) =>
    withRig(options, async (rig) => {
      const count = full ? 100_000 : 20_000;
      const source = await rig.sparseFile('backlog.mp4', 1000);
      const many = Array.from({ length: count }, (_, index) => ({ source, key: `film-${index}` }));
      const emptyBytes = await rig.redisInfo('used_memory');
      onStep(`adding ${count}`);
      const startedAt = performance.now();
      const uploads = await rig.uploads.addMany(many);
      const perSecond = (count * 1000) / (performance.now() - startedAt);
      const bytes = ((await rig.redisInfo('used_memory')) - emptyBytes) / count;
      const rows: Row[] = [
        judged(
          'enqueued a second, by addMany',
          perSecond,
          { atLeast: 5000 },
          { digits: 0, samples: { perSecond: [perSecond] } },
        ),
        judged(
          'Redis memory per waiting upload',
          bytes,
          { atMost: 1500 },
          { unit: ' bytes', digits: 0, samples: { bytes: [bytes] } },
        ),
      ];
      onStep('a worker starts');
      const worker = await rig.worker();
      const readyAt = performance.now();
      await uploads[0]?.result();
      const firstMs = performance.now() - readyAt;
      // While it processes them.
      for (const upload of uploads.slice(0, 1000)) await upload.result();
      const peak = (await worker.peakMemory()) / 1e6;
      rows.push(
        {
          subject: 'from the ready worker to the first completed upload',
          result: `${firstMs.toFixed(0)} ms`,
          samples: { ms: [firstMs] },
        },
        judged(
          'peak memory of the worker after 1,000',
          peak,
          { atMost: 200 },
          { unit: ' MB', digits: 0, samples: { MB: [peak] } },
        ),
      );
      return rows;
    }),
};
