import { describe, expect, it } from 'vitest';
import { runChaos } from '../chaos/chaos.ts';
import { nameOf, schedule, WORKER_SLOTS } from '../chaos/schedule.ts';
import { formatReport } from '../chaos/table.ts';

const DURATION_MS = 60_000;

describe('the schedule of a chaos run', () => {
  it('is the same for the same seed and duration, and another for another seed', () => {
    expect(schedule(7, 60_000)).toEqual(schedule(7, 60_000));
    expect(schedule(8, 60_000)).not.toEqual(schedule(7, 60_000));
  });

  it('is in order, within its time, and names slots that there are', () => {
    for (let seed = 0; seed < 50; seed++) {
      const troubles = schedule(seed, 90_000);
      const times = troubles.map(({ atMs }) => atMs);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
      expect(Math.max(...times)).toBeLessThan(90_000);
      for (const trouble of troubles) {
        if ('slot' in trouble) expect(WORKER_SLOTS.length).toBeGreaterThan(trouble.slot);
      }
    }
  });

  it('has every kind of trouble in a run of two minutes', () => {
    const kinds = new Set([1, 2, 3].flatMap((seed) => schedule(seed, 120_000).map(nameOf)));
    expect([...kinds].sort()).toMatchInlineSnapshot(`
      [
        "Redis connections cut",
        "Redis frozen",
        "Redis killed",
        "Redis refuses",
        "VOD HTTP 5xx after effect",
        "VOD HTTP 5xx before effect",
        "VOD bandwidth",
        "VOD code 4100",
        "VOD code 4300",
        "VOD code 4400",
        "VOD code 4500",
        "VOD code, canRetry 1",
        "VOD connections cut",
        "VOD empty after effect",
        "VOD empty before effect",
        "VOD hang after effect",
        "VOD hang before effect",
        "VOD html after effect",
        "VOD html before effect",
        "VOD latency",
        "VOD quirks",
        "VOD refuses",
        "VOD reset after effect",
        "VOD reset before effect",
        "VOD truncated",
        "VOD unquotedFileId",
        "disk hangs",
        "worker frozen",
        "worker killed",
        "worker terminated",
      ]
    `);
  });
});

// It kills Redis, and so needs one of its own whatever REDIS_URL says.
describe('a chaos run', () => {
  it.each([1])(
    'of seed %i loses nothing, doubles nothing and leaves nothing',
    async (seed) => {
      const report = await runChaos({ seed, durationMs: DURATION_MS, settleMs: 60_000 });
      process.stdout.write(`${formatReport(report)}\n`);
      expect(report.findings).toEqual([]);
      const struck = Object.values(report.troubles).reduce((sum, { times }) => sum + times, 0);
      expect(struck).toBeGreaterThan(25);
      expect(report.uploads.added).toBeGreaterThan(20);
      expect(report.uploads.completed + report.uploads.instant + report.uploads.failed).toBe(
        report.uploads.added,
      );
    },
    180_000,
  );
});
