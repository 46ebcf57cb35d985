import { describe, expect, it } from 'vitest';
import { nameOf, schedule, WORKER_SLOTS } from '../../chaos/schedule.ts';

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

  it('has every kind of trouble within two minutes', () => {
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
        "VOD code 4500, for a wrong clock",
        "VOD code, canRetry 1",
        "VOD connections cut",
        "VOD empty after effect",
        "VOD empty before effect",
        "VOD hang after effect",
        "VOD hang before effect",
        "VOD html after effect",
        "VOD html before effect",
        "VOD latency",
        "VOD line slow",
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
        "worker with a wrong key",
        "worker with other roots",
      ]
    `);
  });

  it('has faults of both hosts of API 3.0, and none of v2', () => {
    const troubles = [1, 2, 3].flatMap((seed) => schedule(seed, 120_000, '2018-07-17'));
    const kinds = new Set(troubles.map(nameOf));
    for (const kind of ['sessions expire', 'VOD damage', 'VOD ExpiredToken', 'VOD UnauthorizedOperation'])
      expect(kinds).toContain(kind);
    const faults = troubles.flatMap((trouble) => (trouble.kind === 'VOD fault' ? trouble.fault : []));
    const actions = new Set(faults.map(({ action }) => action));
    for (const action of ['ApplyUpload', 'CommitUpload', 'PutObject', 'CompleteMultipartUpload'] as const)
      expect(actions).toContain(action);
    for (const action of ['InitUpload', 'FinishUpload'] as const) expect(actions).not.toContain(action);
    expect(faults.map(({ effect }) => effect.kind)).not.toContain('code');
  });
});
