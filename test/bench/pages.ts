import { seedInitializing, seedMany, seedParts, seedQueued } from '../support/seed.ts';
import { type Benchmark, judged, median, type Row } from './benchmark.ts';
import { withRig } from './rig.ts';

const RUNNING = 10_000;
const PARTS = 10_000;

/** Response times of the pages, lists and metrics: with many running uploads, with one of many parts, with very many queued. */
export const pages: Benchmark = {
  name: 'pages',
  title: `Pages of \`vod-upload ops\` with ${RUNNING} running uploads, and with many more that are queued`,
  run: ({ full, samples, onStep, ...options }) =>
    withRig(options, async (rig) => {
      const queued = full ? 500_000 : 50_000;
      const time = timer(samples, onStep);
      onStep('adding running uploads');
      const ids = await seedQueued(rig, RUNNING);
      const [film = ''] = ids;
      await seedInitializing(rig, ids);
      await seedParts(rig, film, { count: PARTS, sent: 4000 });
      const ops = await rig.ops();
      const page = (path: string) => () => fetchAll(`${ops.url}${path}`);
      const rows = [
        await time('the first page of the table', 500, page('/uploads')),
        await time('its last page', 500, page(`/uploads?page=${RUNNING / 50}`)),
        await time('a state without uploads', 500, page('/uploads?state=failed')),
        await time(
          'a search for the name of the last upload',
          500,
          page(`/uploads?search=number+${RUNNING - 1}`),
        ),
        await time('a search without results', 500, page('/uploads?search=zebra')),
        await time('a search for an id', 500, page(`/uploads?search=${ids[RUNNING / 2]}`)),
        await time(`the page of an upload of ${PARTS} parts`, 500, page(`/uploads/${film}`)),
      ];
      onStep('adding queued uploads');
      await rig.flush();
      await seedMany(rig, queued);
      const board = '/dashboard/api/queues?activeQueue=vod-upload&page=1&jobsPerPage=10&status=';
      const of = `of ${queued} queued uploads`;
      rows.push(
        await time(`${of}: the first page of the table`, 1000, page('/uploads')),
        await time(`${of}: its last page`, 1000, page(`/uploads?page=${queued / 50}`)),
        await time(`${of}: a search for an id`, 1000, page('/uploads?search=order-0')),
        await time(`${of}: \`list()\` of the newest 50`, 1000, () => rig.uploads.list()),
        await time(`${of}: \`vod-upload list\`, with the start of Node.js`, 1000, () =>
          rig.command(['list']),
        ),
        await time(`${of}: a scrape of the metrics`, 1000, page('/metrics')),
        await time(`${of}: Bull Board's latest jobs`, 1000, page(`${board}latest`)),
        await time(`${of}: Bull Board's prioritized jobs`, 1000, page(`${board}prioritized`)),
        await time(
          `${of}: a search without results, which reads all`,
          undefined,
          page('/uploads?search=zebra'),
        ),
      );
      const peak = (await ops.peakMemory()) / 1e6;
      const memory = { unit: ' MB', digits: 0, samples: { MB: [peak] } };
      rows.push(judged('peak memory of `vod-upload ops` after all this', peak, { atMost: 250 }, memory));
      return rows;
    }),
};

function timer(samples: number, onStep: (text: string) => void) {
  return async (subject: string, atMost: number | undefined, act: () => Promise<unknown>): Promise<Row> => {
    const ms: number[] = [];
    for (let sample = 0; sample <= samples; sample++) {
      onStep(`${subject}, ${sample}/${samples}`);
      const startedAt = performance.now();
      await act();
      // The first sample warms up.
      if (sample > 0) ms.push(performance.now() - startedAt);
    }
    const [result, unit] = [median(ms), { unit: ' ms', digits: 0, samples: { ms } }];
    if (atMost !== undefined) return judged(subject, result, { atMost }, unit);
    return { subject, result: `${result.toFixed(0)} ms`, samples: { ms } };
  };
}

async function fetchAll(url: string): Promise<void> {
  const response = await fetch(url);
  await response.text();
  if (!response.ok) throw new Error(`${url} returned ${response.status}`);
}
