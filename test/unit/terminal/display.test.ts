import fc from 'fast-check';
import stringWidth from 'string-width';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { UploadProgress, UploadState } from '../../../src/index.ts';
import { type BarFacts, barLine, longestOf } from '../../../src/terminal/bar-line.ts';
import { createDisplay } from '../../../src/terminal/display.ts';
import { MemoryOutput } from '../cli/memory-output.ts';

const MIB = 1024 * 1024;

function at(stage: UploadState, mib: number): UploadProgress {
  return { stage, bytesHashed: mib * MIB, bytesSent: mib * MIB, totalBytes: 4 * MIB };
}

test('without a terminal, prints a line per stage, not per update', () => {
  const err = new MemoryOutput();
  const display = createDisplay(['a.mp4', 'b.mp4'], { env: {}, err });
  for (let mib = 0; mib <= 4; mib++) display.update(0, at('uploading', mib));
  display.update(1, at('queued', 0));
  display.update(0, at('completed', 4));
  display.stop();
  display.update(1, at('failed', 0));
  expect(err.text).toBe('a.mp4: uploading  0 %  0.0 of 4.0 MiB\nb.mp4: queued\na.mp4: completed\n');
});

test('prints lines at intervals during a long stage', () => {
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

test('on a terminal, shows a bar per upload', () => {
  const err = new MemoryOutput({ rows: 24 });
  const display = createDisplay(['a.mp4', 'b.mp4'], { env: {}, err });
  display.update(0, at('uploading', 1));
  display.update(1, at('completed', 4));
  display.stop();
  expect(err.text).toContain(`a.mp4  [${'='.repeat(5)}${'-'.repeat(15)}] uploading  25 %  1.0 of 4.0 MiB`);
  expect(err.text).toContain(`b.mp4  [${'='.repeat(20)}] completed`);
  // Cursor and line wrapping are restored.
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

/** The bars' lines at the moment when the display stops. */
function lastLines(err: MemoryOutput, count: number): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removes the terminal's control sequences
  const text = err.text.replace(/\u001b\[[?\d;]*[A-Za-z]/g, '\r');
  return text
    .split(/[\r\n]+/)
    .filter((line) => line.trim() !== '')
    .slice(-count);
}

test.each([66, 80, 100, 132])(
  'at %i columns speed and time left are there, and columns are below each other, whatever the names',
  (columns) => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const err = new MemoryOutput({ rows: 24, columns });
    const names = [
      'launch.mp4',
      '视频课程第一讲操作系统导论.mp4',
      'cafe\u0301 👩‍👩‍👧 발표.mp4',
      'x'.repeat(200),
    ];
    const display = createDisplay(names, { env: {}, err });
    for (const index of names.keys()) display.update(index, at('uploading', 1));
    vi.advanceTimersByTime(1000);
    for (const index of names.keys()) display.update(index, at('uploading', 2));
    display.stop();
    const lines = lastLines(err, names.length);
    const tail = 'uploading  50 %  2.0 of 4.0 MiB  1.0 MiB/s  0:02 left';
    for (const line of lines) {
      expect(line).toContain(tail);
      expect(stringWidth(line)).toBeLessThan(columns);
    }
    const places = lines.map((line) => stringWidth(line.slice(0, line.indexOf(tail))));
    expect(new Set(places).size).toBe(1);
    if (columns >= 80) for (const line of lines) expect(line).toMatch(/\[=+-+\] uploading/);
  },
);

test('no line is wider than a terminal of any width', () => {
  const stages = fc.constantFrom<UploadState>('queued', 'initializing', 'uploading', 'completed');
  const labels = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 });
  const amounts = fc.constantFrom('', '100 %  1023.9 of 1023.9 MiB  1023.9 MiB/s  10:03:07 left');
  const share = fc.float({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(
      ...[labels, stages, share, amounts, fc.integer({ min: 1, max: 200 })],
      (label, stage, share, amounts, columns) => {
        const facts = { label, stage, share, amounts } as BarFacts;
        const line = barLine(facts, { columns: columns as number, longest: longestOf([facts.label]) });
        expect(stringWidth(line)).toBeLessThanOrEqual(columns as number);
      },
    ),
  );
});
