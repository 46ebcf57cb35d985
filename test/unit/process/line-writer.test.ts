import { expect, onTestFinished, test, vi } from 'vitest';
import { LineWriter } from '../../../src/process/line-writer.ts';

/** A reader with room for some bytes, and the text that it got. */
function createReader(start = Number.POSITIVE_INFINITY) {
  const reader = {
    room: start,
    failure: undefined as string | undefined,
    text: '',
    write(bytes: Uint8Array): number {
      const code = reader.failure ?? (reader.room === 0 ? 'EAGAIN' : undefined);
      if (code !== undefined) throw Object.assign(new Error(code), { code });
      const taken = Math.min(bytes.length, reader.room);
      reader.room -= taken;
      reader.text += Buffer.from(bytes.subarray(0, taken)).toString();
      return taken;
    },
  };
  return reader;
}

function createWriter(reader: ReturnType<typeof createReader>): LineWriter {
  const writer: LineWriter = new LineWriter({
    write: (bytes) => reader.write(bytes),
    onDropped: (lines) => writer.write(`${lines} dropped\n`),
  });
  onTestFinished(() => {
    // Otherwise it would retry forever, also with the fake timers of another test.
    Object.assign(reader, { room: Number.POSITIVE_INFINITY, failure: undefined });
    writer.flushSync(0);
  });
  return writer;
}

/** A line of `kib` KiB that begins with a number. */
function lineOf(number: number, kib: number): string {
  return `${number}${'.'.repeat(kib * 1024 - 1 - String(number).length)}\n`;
}

test('write writes at once while the reader takes lines', () => {
  const reader = createReader();
  const writer = createWriter(reader);
  writer.write('one\n');
  expect(reader.text).toBe('one\n');
  writer.write('zwölf\n');
  expect(reader.text).toBe('one\nzwölf\n');
});

test('lines wait for the reader, and arrive whole and in order', () => {
  vi.useFakeTimers();
  const reader = createReader(6);
  const writer = createWriter(reader);
  for (const line of ['one\n', 'two\n', 'three\n']) writer.write(line);
  expect(reader.text).toBe('one\ntw');
  reader.room = Number.POSITIVE_INFINITY;
  vi.runAllTimers();
  expect(reader.text).toBe('one\ntwo\nthree\n');
  expect(writer.dropped).toBe(0);
  vi.useRealTimers();
});

test('lines over the limit are dropped, and their number is reported in their place', () => {
  vi.useFakeTimers();
  const reader = createReader(0);
  const writer = createWriter(reader);
  for (let number = 0; number < 300; number++) writer.write(lineOf(number, 1));
  writer.write('short, but after a gap\n');
  expect(writer.dropped).toBe(45);
  reader.room = Number.POSITIVE_INFINITY;
  vi.runAllTimers();
  writer.write('after\n');
  const lines = reader.text.split('\n');
  expect(lines.slice(0, 256).map((line) => Number.parseInt(line, 10))).toEqual([...Array(256).keys()]);
  expect(lines.slice(256)).toEqual(['45 dropped', 'after', '']);
  vi.useRealTimers();
});

test('a line that can’t be written is dropped and counted, and the next one is written', () => {
  const reader = createReader();
  const writer = createWriter(reader);
  reader.failure = 'ENOSPC';
  for (let number = 0; number < 3; number++) writer.write(`${number}\n`);
  reader.failure = undefined;
  writer.write('room again\n');
  expect(reader.text).toBe('room again\n3 dropped\n');
  reader.failure = 'EPIPE';
  writer.write('the reader is gone\n');
  expect(writer.dropped).toBe(4);
});

test('flushSync writes the waiting lines', () => {
  const reader = createReader(2);
  const writer = createWriter(reader);
  writer.write('one\n');
  writer.write('two\n');
  reader.room = Number.POSITIVE_INFINITY;
  writer.flushSync(0);
  expect(reader.text).toBe('one\ntwo\n');
});

test('flushSync stops at its timeout when the reader takes nothing', () => {
  const reader = createReader(2);
  const writer = createWriter(reader);
  writer.write('one\n');
  writer.flushSync(1);
  expect(reader.text).toBe('on');
});
