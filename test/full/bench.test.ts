import { expect, it } from 'vitest';
import type { Row, Settings } from '../bench/benchmark.ts';
import { hash } from '../bench/hash.ts';
import { compare } from '../bench/parts.ts';
import { withRig } from '../bench/rig.ts';
import { writeRandomFile } from '../support/files.ts';

/* The benchmarks at their smallest: that they run. What they measure is for `npm run bench` to judge. */

const SETTINGS: Settings = { program: 'workers/main.ts', full: false, samples: 1, onStep: () => {} };

function expectMeasured(rows: readonly Row[], subjects: readonly RegExp[]): void {
  expect(rows.map(({ subject }) => subject)).toEqual(subjects.map((one) => expect.stringMatching(one)));
  for (const { subject, goal, result, samples } of rows) {
    if (goal !== undefined) expect(Number.parseFloat(result), subject).not.toBeNaN();
    for (const values of Object.values(samples)) expect(values, subject).toHaveLength(SETTINGS.samples);
  }
}

it('the benchmark of hashing runs and gives rows', async () => {
  expectMeasured(await hash.run(SETTINGS), [/openssl/, /event loop/]);
});

it('the benchmark of parts runs and gives rows', async () => {
  await withRig(SETTINGS, async (rig) => {
    const path = await writeRandomFile(`${rig.sources}/parts.mp4`, 2 ** 25, 3);
    await rig.worker();
    const rows = await compare(rig, { path, partSize: 1_048_576, slots: 8 }, SETTINGS);
    expectMeasured(rows, [/parts\/s/, /CPU of a part/, /for comparison/]);
  });
});
