import { expect, it } from 'vitest';
import { rehearse } from '../rehearsal/rehearse.ts';

it('with 200 concurrent uploads, scaling and replacing all pods loses nothing and spends no attempt', async () => {
  const { findings, report } = await rehearse((line) => void process.stdout.write(`${line}\n`));
  process.stdout.write(`${report}\n`);
  expect(findings).toEqual([]);
});
