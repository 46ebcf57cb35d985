import { type Benchmark, judged, median } from './benchmark.ts';
import { type Rig, withRig } from './rig.ts';

const LATENCY_MS = 50;
const MIB = 2 ** 20;
const FILMS = 4;

/** A clip that is added while films use all slots. */
export const fairness: Benchmark = {
  name: 'fairness',
  title: `A clip of 2 MiB behind ${FILMS} films, all slots busy, at ${LATENCY_MS} ms latency`,
  run: ({ full, samples, onStep, ...options }) =>
    withRig({ ...options, latencyMs: LATENCY_MS }, async (rig) => {
      await rig.worker();
      const film = (full ? 2048 : 512) * MIB;
      await clip(rig, 'warm-up.mp4');
      const alone: number[] = [];
      const sending: number[] = [];
      const hashing: number[] = [];
      for (let sample = 1; sample <= samples; sample++) {
        onStep(`alone, ${sample}/${samples}`);
        alone.push(await clip(rig, `alone-${sample}.mp4`));
        onStep(`behind films being hashed, ${sample}/${samples}`);
        const films = await Promise.all(
          Array.from({ length: FILMS }, async (_, index) => {
            const source = await rig.sparseFile(`film-${sample}-${index}.mp4`, film);
            return await rig.uploads.add({ source });
          }),
        );
        hashing.push(await clip(rig, `hashing-${sample}.mp4`));
        onStep(`behind films being sent, ${sample}/${samples}`);
        for (const upload of films) {
          for await (const { stage } of upload.progress()) if (stage === 'uploading') break;
        }
        sending.push(await clip(rig, `sending-${sample}.mp4`));
        await Promise.all(films.map((upload) => rig.uploads.cancel(upload.id)));
      }
      const goal = 3 * median(alone) + 1000;
      const row = (subject: string, ms: readonly number[]) =>
        judged(
          subject,
          median(ms),
          { atMost: Math.round(goal) },
          { unit: ' ms', digits: 0, samples: { 'alone ms': alone, ms } },
        );
      return [
        { subject: 'alone', result: `${median(alone).toFixed(0)} ms`, samples: { ms: alone } },
        row('behind films whose parts use all slots', sending),
        row('behind films waiting to be hashed', hashing),
      ];
    }),
};

/** @returns duration of a clip from `add` to its end, in ms */
async function clip(rig: Rig, name: string): Promise<number> {
  const source = await rig.sparseFile(name, 2 * MIB);
  const startedAt = performance.now();
  await (await rig.uploads.add({ source })).result();
  return performance.now() - startedAt;
}
