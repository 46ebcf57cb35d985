import { expect, it } from 'vitest';
import type { Row, Settings } from '../bench/benchmark.ts';
import { hash } from '../bench/hash.ts';
import { compare } from '../bench/parts.ts';
import { withRig } from '../bench/rig.ts';
import { writeRandomFile } from '../support/files.ts';

/*
 * The benchmarks at their smallest. They measure what is compared side by side, and on a machine that does other things
 * meanwhile: the margins are so wide that only a collapse is seen.
 */

const SETTINGS: Settings = { program: 'workers/main.ts', full: false, samples: 1, onStep: () => {} };

const resultOf = (rows: readonly Row[], subject: string): number =>
  Number.parseFloat(rows.find((row) => row.subject.includes(subject))?.result ?? 'none');

it('hashes about as fast as a program that does nothing else', async () => {
  expect(resultOf(await hash.run(SETTINGS), 'openssl')).toBeGreaterThan(0.4);
});

it('sends parts about as fast as a bare loop', async () => {
  await withRig(SETTINGS, async (rig) => {
    const path = await writeRandomFile(`${rig.sources}/parts.mp4`, 2 ** 27, 3);
    await rig.worker();
    const rows = await compare(rig, { path, partSize: 1_048_576, slots: 8 }, { ...SETTINGS, samples: 3 });
    expect(resultOf(rows, 'parts/s, worker')).toBeGreaterThan(0.3);
    expect(resultOf(rows, 'CPU of a part')).toBeLessThan(8);
  });
});
