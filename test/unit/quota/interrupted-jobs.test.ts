import { describe, expect, it } from 'vitest';
import { InterruptedJobs } from '../../../src/quota/interrupted-jobs.ts';

const NEVER = Number.NEGATIVE_INFINITY;

describe('a job whose request failed', () => {
  it('keeps its attempt the first time, and as long as nothing is answered', () => {
    const jobs = new InterruptedJobs();
    for (const now of [100, 200, 300]) {
      expect(jobs.record('j1', { now, answeredAt: NEVER, congested: false })).toBe(true);
    }
  });

  it('spends an attempt when another request was answered since its last failure', () => {
    const jobs = new InterruptedJobs();
    expect(jobs.record('j1', { now: 100, answeredAt: 50, congested: false })).toBe(true);
    expect(jobs.record('j1', { now: 200, answeredAt: 50, congested: false })).toBe(true);
    expect(jobs.record('j1', { now: 300, answeredAt: 250, congested: false })).toBe(false);
    expect(jobs.record('j2', { now: 300, answeredAt: 250, congested: false })).toBe(true);
  });

  it('spends an attempt from the second time on when the line was only overloaded', () => {
    const jobs = new InterruptedJobs();
    expect(jobs.record('j1', { now: 100, answeredAt: NEVER, congested: true })).toBe(true);
    expect(jobs.record('j1', { now: 200, answeredAt: NEVER, congested: true })).toBe(false);
  });
});
