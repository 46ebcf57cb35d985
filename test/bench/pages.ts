import { seedInitializing, seedParts, seedQueued } from '../support/seed.ts';
import { type Benchmark, judged, median, type Row } from './benchmark.ts';
import { withRig } from './rig.ts';

const UPLOADS = 10_000;
const PARTS = 10_000;
const GOAL = { atMost: 500 };

/** What people wait for who look at many uploads, or at one of many parts. */
export const pages: Benchmark = {
  name: 'pages',
  title: `Pages of \`vod-upload ops\` with ${UPLOADS} uploads under way`,
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
        ['one state of which there is none', '?state=failed'],
        ['a search for a name that the last one has', `?search=number+${UPLOADS - 1}`],
        ['a search that finds nothing', '?search=zebra'],
        ['a search for an id', `?search=${ids[UPLOADS / 2]}`],
        [`the page of an upload of ${PARTS} parts`, `/${film}`],
      ] as const) {
        const ms: number[] = [];
        for (let sample = 0; sample <= samples; sample++) {
          onStep(`${subject}, ${sample}/${samples}`);
          const startedAt = performance.now();
          const response = await fetch(`${ops.url}/uploads${path}`);
          await response.text();
          if (!response.ok) throw new Error(`${path} was answered with ${response.status}`);
          if (sample > 0) ms.push(performance.now() - startedAt);
        }
        rows.push(judged(subject, median(ms), GOAL, { unit: ' ms', digits: 0, samples: { ms } }));
      }
      return rows;
    }),
};
