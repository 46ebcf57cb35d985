import { describe, expect, it } from 'vitest';
import { randomOf } from './random.ts';
import { type Line, sendOver } from './simulated-line.ts';

const BOUNDS = { min: 4, max: 32 };
const FIXED = [4, 8, 16, 32].map((slots) => ({ min: slots, max: slots }));
const LATENCIES = [5, 20, 50, 100, 200];

/** Parts per second of the slots that are found, as a share of what the best fixed number sends. */
function shareOfBest(line: Line, time: { fromMs?: number; untilMs: number }, seed: number): number {
  const perSecond = (bounds: { min: number; max: number }): number =>
    sendOver(line, bounds, { ...time, random: randomOf(seed) }).perSecond;
  return perSecond(BOUNDS) / Math.max(...FIXED.map(perSecond));
}

describe('the slots that are found', () => {
  const lines: readonly [string, Omit<Line, 'latencyMs'>][] = [
    ['a line of 128 parts/s', { partsPerSecond: 128 }],
    ['a line of 400 parts/s', { partsPerSecond: 400 }],
    ['no limit but the slots', {}],
    ['parts that are read in 20 ms', { readMs: 20 }],
    ['uploads of 256 parts with pauses of 100 ms', { partsPerSecond: 128, uploadParts: 256, pauseMs: 100 }],
  ];

  it.each(lines.flatMap(([name, line]) => LATENCIES.map((latencyMs) => [name, latencyMs, line] as const)))(
    'send 0.9 of what the best fixed number sends: %s, %d ms',
    (_, latencyMs, line) => {
      for (const seed of [1, 2, 3]) {
        const time = { fromMs: 3000, untilMs: 15_000 };
        expect(shareOfBest({ ...line, latencyMs }, time, seed)).toBeGreaterThan(0.9);
      }
    },
  );

  it.each(LATENCIES)('are found within few round trips of %d ms', (latencyMs) => {
    for (const seed of [1, 2, 3]) {
      expect(shareOfBest({ latencyMs }, { untilMs: 5000 }, seed)).toBeGreaterThan(0.85);
    }
  });

  it('are few where a line is full with few', () => {
    const line = { latencyMs: 20, partsPerSecond: 100 };
    expect(sendOver(line, BOUNDS, { untilMs: 20_000, random: randomOf(1) }).slots).toBeLessThanOrEqual(8);
  });

  it('stay as they are while the queue gives fewer parts than fill them', () => {
    const line = { latencyMs: 20, uploadParts: 2, pauseMs: 50 };
    expect(sendOver(line, BOUNDS, { untilMs: 20_000, random: randomOf(1) }).slots).toBe(8);
  });
});
