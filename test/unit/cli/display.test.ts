import { expect, onTestFinished, test, vi } from 'vitest';
import { createDisplay } from '../../../src/cli/display.ts';
import type { UploadProgress, UploadState } from '../../../src/index.ts';
import { MemoryOutput } from './memory-output.ts';

const MIB = 1024 * 1024;

function at(stage: UploadState, mib: number): UploadProgress {
  return { stage, bytesHashed: mib * MIB, bytesSent: mib * MIB, totalBytes: 4 * MIB };
}

test('without a terminal: a line for each stage, not for each report', () => {
  const err = new MemoryOutput();
  const display = createDisplay(['a.mp4', 'b.mp4'], { env: {}, err });
  for (let mib = 0; mib <= 4; mib++) display.update(0, at('uploading', mib));
  display.update(1, at('queued', 0));
  display.update(0, at('completed', 4));
  display.stop();
  display.update(1, at('failed', 0));
  expect(err.text).toBe('a.mp4: uploading  0 %  0.0 of 4.0 MiB\nb.mp4: queued\na.mp4: completed\n');
});

test('a stage that takes long gets a line now and then', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const err = new MemoryOutput();
  const display = createDisplay(['a.mp4'], { env: {}, err });
  for (let second = 0; second <= 12; second++) {
    display.update(0, at('uploading', second / 4));
    vi.advanceTimersByTime(1000);
  }
  expect(err.text.split('\n').slice(0, -1)).toEqual([
    'a.mp4: uploading  0 %  0.0 of 4.0 MiB',
    'a.mp4: uploading  31 %  1.3 of 4.0 MiB  256.0 KiB/s  0:11 left',
    'a.mp4: uploading  62 %  2.5 of 4.0 MiB  256.0 KiB/s  0:06 left',
  ]);
});

test('on a terminal: a bar for each upload', () => {
  const err = new MemoryOutput({ rows: 24 });
  const display = createDisplay(['a.mp4', 'b.mp4'], { env: {}, err });
  display.update(0, at('uploading', 1));
  display.update(1, at('completed', 4));
  display.stop();
  expect(err.text).toContain(`a.mp4  uploading    [${'='.repeat(5)}${'-'.repeat(15)}] 25 %  1.0 of 4.0 MiB`);
  expect(err.text).toContain(`b.mp4  completed    [${'='.repeat(20)}]`);
  // Cursor and line wrapping are on again.
  expect(err.text.lastIndexOf('\u001b[?25h')).toBeGreaterThan(err.text.lastIndexOf('\u001b[?25l'));
  expect(err.text.lastIndexOf('\u001b[?7h')).toBeGreaterThan(err.text.lastIndexOf('\u001b[?7l'));
});

test.each([
  ['more uploads than rows', { rows: 2 }, {}],
  ['a dumb terminal', { rows: 24 }, { TERM: 'dumb' }],
])('%s: lines', (_, terminal, env) => {
  const err = new MemoryOutput(terminal);
  const display = createDisplay(['a.mp4', 'b.mp4'], { env, err });
  display.update(0, at('queued', 0));
  display.stop();
  expect(err.text).toBe('a.mp4: queued\n');
});
