import { expect, it } from 'vitest';
import { VOD_APIS } from '../../src/vod/wire/protocol.ts';
import { runChaos } from '../chaos/chaos.ts';
import { nameOf, schedule } from '../chaos/schedule.ts';
import { formatReport } from '../chaos/table.ts';

const RUN = { seed: 1, durationMs: 60_000 };

// Kills Redis, therefore always uses a private one, even with REDIS_URL.
it.each(VOD_APIS)('a chaos run with VOD_API=%s loses, duplicates and leaves over nothing', async (api) => {
  const report = await runChaos({ ...RUN, api });
  process.stdout.write(`${formatReport(report)}\n`);
  expect(report.findings).toEqual([]);
  const { added, completed, instant, failed } = report.uploads;
  expect(added).toBeGreaterThan(0);
  expect(completed + instant + failed).toBe(added);
  // Other troubles are skipped when their target is busy.
  const always = schedule(RUN.seed, RUN.durationMs, api).filter(({ kind }) => kind === 'VOD fault');
  for (const [name, { length }] of Map.groupBy(always, nameOf))
    expect(report.troubles[name]?.times, name).toBe(length);
});
