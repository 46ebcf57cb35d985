import { expect, it } from 'vitest';
import { rehearse } from '../rehearsal/rehearse.ts';

it('a cluster is scaled and every pod of it replaced under 200 uploads at a time: nothing lost, no attempt spent', async () => {
  const { findings, report } = await rehearse((line) => void process.stdout.write(`${line}\n`));
  process.stdout.write(`${report}\n`);
  expect(findings).toEqual([]);
});
