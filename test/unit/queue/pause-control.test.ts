import type { Worker } from 'bullmq';
import { expect, it } from 'vitest';
import { PauseControl } from '../../../src/queue/pause-control.ts';

it('resumes the worker when no owner wants it paused', () => {
  const calls: string[] = [];
  const worker = {
    pause: async () => void calls.push('pause'),
    resume: async () => void calls.push('resume'),
  };
  const control = new PauseControl(worker as unknown as Worker);
  const [one, other] = [{}, {}];
  control.resume(one);
  control.pause(one);
  control.pause(other);
  control.resume(one);
  control.resume(one);
  expect(calls).toEqual(['pause', 'pause']);
  control.resume(other);
  expect(calls).toEqual(['pause', 'pause', 'resume']);
});
