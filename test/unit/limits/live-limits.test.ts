import { pino } from 'pino';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { LiveLimits } from '../../../src/limits/live-limits.ts';
import { parseStored } from '../../../src/limits/stored-limits.ts';

const UNLIMITED = Number.POSITIVE_INFINITY;
const MIB = 2 ** 20;

beforeEach(() => void vi.useFakeTimers({ now: Date.parse('2026-07-01T07:00Z') }));
afterEach(() => void vi.useRealTimers());

/** Limits of a worker, and a Redis in which limits can be set. */
function setUp() {
  const fields: Record<string, string> = {};
  const lines: Record<string, unknown>[] = [];
  let answer: () => Promise<void> = async () => {};
  const limits = new LiveLimits({
    stored: {
      async read() {
        const read = parseStored({ ...fields });
        await answer();
        return read;
      },
    },
    variables: {
      'max-bytes-per-second': UNLIMITED,
      'max-process-bytes-per-second': UNLIMITED,
      'part-slots': { min: 1, max: 8 },
    },
    log: pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) }),
  });
  onTestFinished(() => limits.stop());
  const rates: number[] = [];
  return {
    ...{ limits, lines, rates },
    set: (name: string, value: string, timeZone = 'UTC') => {
      fields[name] = JSON.stringify({ value, timeZone });
    },
    unset: (name: string) => delete fields[name],
    answerWith: (change: () => Promise<void>) => {
      answer = change;
    },
    follow: () => limits.follow('max-bytes-per-second', (rate) => rates.push(rate)),
  };
}

test('variables apply until something is set, and again when it is unset', async () => {
  const { limits, set, unset, rates, follow, lines } = setUp();
  await limits.start();
  follow();
  expect(rates).toEqual([UNLIMITED]);
  expect(lines).toEqual([]);
  set('max-bytes-per-second', '20M');
  await limits.refresh();
  await limits.refresh();
  unset('max-bytes-per-second');
  await limits.refresh();
  expect(rates).toEqual([UNLIMITED, 20 * MIB, UNLIMITED]);
  expect(lines).toEqual([
    expect.objectContaining({
      ...{ msg: 'limit in force', limit: 'max-bytes-per-second', value: '20.0 MiB/s', source: 'redis' },
    }),
    expect.objectContaining({ msg: 'limit in force', value: 'unlimited', source: 'variable' }),
  ]);
});

test('what is set applies from the start', async () => {
  const { limits, set, rates, follow, lines } = setUp();
  set('max-bytes-per-second', '20M');
  await limits.start();
  follow();
  expect(rates).toEqual([20 * MIB]);
  expect(lines).toHaveLength(1);
});

test('a change is found without a message', async () => {
  const { limits, set, rates, follow } = setUp();
  await limits.start();
  follow();
  set('max-bytes-per-second', '20M');
  await vi.advanceTimersByTimeAsync(29_999);
  expect(rates).toEqual([UNLIMITED]);
  await vi.advanceTimersByTimeAsync(1);
  expect(rates).toEqual([UNLIMITED, 20 * MIB]);
});

test('a timetable is followed to the millisecond, also when Redis cannot be read', async () => {
  const { limits, set, rates, follow, lines, answerWith } = setUp();
  set('max-bytes-per-second', '08:00-20:00=20M,20:00-22:00=5M');
  await limits.start();
  follow();
  answerWith(() => Promise.reject(new Error('LOADING')));
  const at = async (time: string) => {
    await vi.advanceTimersByTimeAsync(Date.parse(`2026-07-01T${time}Z`) - Date.now());
    return rates.at(-1);
  };
  expect(await at('07:59:59.999')).toBe(UNLIMITED);
  expect(await at('08:00')).toBe(20 * MIB);
  expect(await at('19:59:59.999')).toBe(20 * MIB);
  expect(await at('20:00')).toBe(5 * MIB);
  expect(await at('22:00')).toBe(UNLIMITED);
  expect(rates).toHaveLength(4);
  expect(lines.filter(({ msg }) => msg === 'limit in force')).toMatchObject([
    { value: '20.0 MiB/s', until: '2026-07-01T20:00:00.000Z' },
    { value: '5.0 MiB/s', until: '2026-07-01T22:00:00.000Z' },
    { value: 'unlimited', source: 'variable', until: '2026-07-02T08:00:00.000Z' },
  ]);
  expect(lines.find(({ msg }) => msg === 'limits not read from redis; those in force stay')).toMatchObject({
    reason: 'LOADING',
  });
});

test('a clock that was set applies at the next poll', async () => {
  const { limits, set, rates, follow } = setUp();
  set('max-bytes-per-second', '08:00-20:00=20M');
  await limits.start();
  follow();
  vi.setSystemTime(Date.parse('2026-07-01T12:00Z'));
  await vi.advanceTimersByTimeAsync(30_000);
  expect(rates).toEqual([UNLIMITED, 20 * MIB]);
});

test('a change during a read is read, and reads do not pile up', async () => {
  const { limits, set, rates, follow, answerWith } = setUp();
  const redis = Promise.withResolvers<void>();
  let reads = 0;
  answerWith(() => {
    reads += 1;
    return redis.promise;
  });
  follow();
  const read = limits.refresh();
  set('max-bytes-per-second', '20M');
  for (let times = 0; times < 10; times++) void limits.refresh();
  redis.resolve();
  await read;
  expect(rates).toEqual([UNLIMITED, 20 * MIB]);
  expect(reads).toBe(2);
});

test('what is not understood is logged once', async () => {
  const { limits, set, unset, follow, lines } = setUp();
  set('max-bytes-per-second', 'a lot');
  await limits.start();
  follow();
  await limits.refresh();
  const ignored = expect.objectContaining({
    ...{ msg: 'limit in redis ignored', level: 40, limit: 'max-bytes-per-second' },
    reason: expect.stringContaining('"a lot" must be bytes per second'),
  });
  expect(lines).toEqual([ignored]);
  unset('max-bytes-per-second');
  await limits.refresh();
  set('max-bytes-per-second', 'a lot');
  await limits.refresh();
  expect(lines).toEqual([ignored, ignored]);
});

test('a read that is under way when the worker stops changes nothing', async () => {
  const { limits, set, rates, follow, lines, answerWith } = setUp();
  follow();
  set('max-bytes-per-second', '08:00-20:00=20M,else=5M');
  const redis = Promise.withResolvers<void>();
  answerWith(() => redis.promise);
  const read = limits.refresh();
  limits.stop();
  redis.reject(new Error('Connection is closed.'));
  await read;
  const again = limits.refresh();
  answerWith(async () => {});
  await again;
  expect(rates).toEqual([UNLIMITED]);
  expect(lines).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});
