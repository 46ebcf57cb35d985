import { seedInitializing, seedParts, seedQueued } from '../support/seed.ts';
import { type Benchmark, judged, median, type Row } from './benchmark.ts';
import { withRig } from './rig.ts';

const UPLOADS = 10_000;
const PARTS = 10_000;
const GOAL = { atMost: 500 };

/** Response times of the pages, with many uploads and with an upload of many parts. */
export const pages: Benchmark = {
  name: 'pages',
  title: `Pages of \`vod-upload ops\` with ${UPLOADS} running uploads`,
  run: ({ samples, onStep, ...options }) =>
    withRig(options, async (rig) => {
      onStep('adding uploads');
      const ids = await seedQueued(rig, UPLOADS);
      const [film = ''] = ids;
      await seedInitializing(rig, ids);
      await seedParts(rig, film, { count: PARTS, sent: 4000 });
      const ops = await rig.ops();
      const rows: Row[] = [];
      for (const [subject, path] of [
        ['the first page of the table', ''],
        ['its last page', `?page=${UPLOADS / 50}`],
        ['a state without uploads', '?state=failed'],
        ['a search for the name of the last upload', `?search=number+${UPLOADS - 1}`],
        ['a search without results', '?search=zebra'],
        ['a search for an id', `?search=${ids[UPLOADS / 2]}`],
        [`the page of an upload of ${PARTS} parts`, `/${film}`],
      ] as const) {
        const ms: number[] = [];
        for (let sample = 0; sample <= samples; sample++) {
          onStep(`${subject}, ${sample}/${samples}`);
          const startedAt = performance.now();
          const response = await fetch(`${ops.url}/uploads${path}`);
          await response.text();
          if (!response.ok) throw new Error(`${path} returned ${response.status}`);
          if (sample > 0) ms.push(performance.now() - startedAt);
        }
        rows.push(judged(subject, median(ms), GOAL, { unit: ' ms', digits: 0, samples: { ms } }));
      }
      return rows;
    }),
};
