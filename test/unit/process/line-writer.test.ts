import { expect, onTestFinished, test, vi } from 'vitest';
import { LineWriter } from '../../../src/process/line-writer.ts';

/** A reader that takes as many bytes as it is told to, and what it got. */
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
    // It would try again for ever, and set its timer among those that another test holds.
    Object.assign(reader, { room: Number.POSITIVE_INFINITY, failure: undefined });
    writer.flushSync(0);
  });
  return writer;
}

/** A line of so many KiB that begins with a number. */
function lineOf(number: number, kib: number): string {
  return `${number}${'.'.repeat(kib * 1024 - 1 - String(number).length)}\n`;
}

test('lines are written within the call as long as they are read', () => {
  const reader = createReader();
  const writer = createWriter(reader);
  writer.write('one\n');
  expect(reader.text).toBe('one\n');
  writer.write('zwölf\n');
  expect(reader.text).toBe('one\nzwölf\n');
});

test('lines that are not read wait, and come whole and in order when they are', () => {
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

test('those that are too many are dropped, and their number is told where they would have been', () => {
  vi.useFakeTimers();
  const reader = createReader(0);
  const writer = createWriter(reader);
  for (let number = 0; number < 300; number++) writer.write(lineOf(number, 1));
  writer.write('short, and yet behind a gap\n');
  expect(writer.dropped).toBe(45);
  reader.room = Number.POSITIVE_INFINITY;
  vi.runAllTimers();
  writer.write('after\n');
  const told = reader.text.split('\n');
  expect(told.slice(0, 256).map((line) => Number.parseInt(line, 10))).toEqual([...Array(256).keys()]);
  expect(told.slice(256)).toEqual(['45 dropped', 'after', '']);
  vi.useRealTimers();
});

test('a line that can’t be written is dropped and counted, and the next one is tried', () => {
  const reader = createReader();
  const writer = createWriter(reader);
  reader.failure = 'ENOSPC';
  for (let number = 0; number < 3; number++) writer.write(`${number}\n`);
  reader.failure = undefined;
  writer.write('room again\n');
  expect(reader.text).toBe('room again\n3 dropped\n');
  reader.failure = 'EPIPE';
  writer.write('nobody is there any more\n');
  expect(writer.dropped).toBe(4);
});

test('at the end what waits is written while the reader takes it', () => {
  const reader = createReader(2);
  const writer = createWriter(reader);
  writer.write('one\n');
  writer.write('two\n');
  reader.room = Number.POSITIVE_INFINITY;
  writer.flushSync(0);
  expect(reader.text).toBe('one\ntwo\n');
});

test('at the end a reader that takes nothing is given up', () => {
  const reader = createReader(2);
  const writer = createWriter(reader);
  writer.write('one\n');
  writer.flushSync(1);
  expect(reader.text).toBe('on');
});
