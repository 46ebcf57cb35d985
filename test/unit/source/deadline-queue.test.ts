import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  DeadlineQueue,
  type FileOperation,
  NOT_BEGUN,
  type QueueLimits,
} from '../../../src/source/deadline-queue.ts';

const LIMITS = { limit: 2, heldPerMount: 3, heldInAll: 4, timeoutMs: 60_000, variable: 'SOME_VARIABLE' };

/** An operation that ends when the test says so. */
class Held {
  begun = false;
  abandoned = false;
  goesOn: () => void = () => {};
  readonly result = Promise.withResolvers<string>();
  readonly late: string[] = [];
  readonly outcome: Promise<string>;

  /** @param atOnce whether it comes to the disk without having to wait for anything */
  constructor(queue: DeadlineQueue, path: string, more: Partial<FileOperation<string>> = {}, atOnce = true) {
    this.outcome = queue.run({
      path,
      doing: () => 'looking at it',
      start: (goesOn) => {
        this.begun = true;
        this.goesOn = goesOn;
        if (atOnce) goesOn();
        return this.result.promise;
      },
      abandon: () => {
        this.abandoned = true;
      },
      late: (result) => void this.late.push(result),
      ...more,
    });
    this.outcome.catch(() => {});
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
});

function setUp(limits: Partial<QueueLimits> = {}) {
  const queue = new DeadlineQueue({ ...LIMITS, ...limits });
  const begin = (path: string, more?: Partial<FileOperation<string>>, atOnce?: boolean) =>
    new Held(queue, path, more, atOnce);
  return { queue, begin };
}

const begun = (operations: readonly Held[]): boolean[] => operations.map((operation) => operation.begun);
/** /proc and / are mounts of their own wherever there is a /proc; no file is touched. */
const HEALTHY = '/proc/healthy.mp4';
const refusal = (words: string) => ({ code: 'SOURCE_READ_FAILED', retryable: true, message: words });

test('begins operations in order, so many at a time', async () => {
  const { begin } = setUp();
  const operations = ['/a', '/b', '/c', '/d'].map((path) => begin(path));
  expect(begun(operations)).toEqual([true, true, false, false]);
  operations[1]?.result.resolve('b');
  expect(await operations[1]?.outcome).toBe('b');
  expect(begun(operations)).toEqual([true, true, true, false]);
  operations[0]?.result.reject(new Error('it is broken'));
  await expect(operations[0]?.outcome).rejects.toThrow('it is broken');
  expect(begun(operations)).toEqual([true, true, true, true]);
});

test('lets one small operation at a time pass others, where that is wanted', async () => {
  const { begin } = setUp({ smallLane: true });
  const operations = [false, false, false, true, true].map((isSmall) => begin('/a', { isSmall }));
  expect(begun(operations)).toEqual([true, true, false, true, false]);
  operations[3]?.result.resolve('done');
  await operations[3]?.outcome;
  expect(begun(operations)).toEqual([true, true, false, true, true]);
});

describe('an operation that takes long', () => {
  test('gives way to another after a second, and may still succeed', async () => {
    const { begin } = setUp({ limit: 1 });
    const [slow, next] = [begin('/slow'), begin('/next')];
    vi.advanceTimersByTime(999);
    expect(next.begun).toBe(false);
    vi.advanceTimersByTime(1);
    expect(next.begun).toBe(true);
    slow.result.resolve('slow');
    expect(await slow.outcome).toBe('slow');
    expect(slow.abandoned).toBe(false);
  });

  test('fails at its deadline, is abandoned, and may return when it likes', async () => {
    const { begin } = setUp();
    const operation = begin('/films/a.mp4', { doing: () => 'reading 10 bytes at offset 20' });
    const outcome = operation.outcome.catch((error: unknown) => error);
    vi.advanceTimersByTime(1000);
    vi.advanceTimersByTime(58_999);
    expect(operation.abandoned).toBe(false);
    vi.advanceTimersByTime(1);
    expect(operation.abandoned).toBe(true);
    expect(await outcome).toMatchObject(
      refusal(
        '/films/a.mp4 could not be read: reading 10 bytes at offset 20 took longer than 60 s (SOME_VARIABLE); ' +
          'check the disk or the mount that holds it',
      ),
    );
    operation.result.resolve('too late');
    await expect.poll(() => operation.late).toEqual(['too late']);
  });

  test('before it comes to its disk keeps its turn, and has a deadline all the same', async () => {
    const { begin } = setUp({ limit: 1 });
    const operations = ['/a', '/b'].map((path) => begin(path, {}, false));
    vi.advanceTimersByTime(59_999);
    expect(begun(operations)).toEqual([true, false]);
    operations[0]?.goesOn();
    vi.advanceTimersByTime(1000);
    expect(begun(operations)).toEqual([true, true]);
    const outcome = operations[1]?.outcome.catch((error: unknown) => error);
    vi.advanceTimersByTime(60_000);
    expect(await outcome).toMatchObject({ code: 'SOURCE_READ_FAILED' });
  });

  test('has its whole time again whenever it gets on', async () => {
    const { begin } = setUp({ limit: 1 });
    const [operation, next] = [begin('/a'), begin('/b')];
    for (let turn = 0; turn < 10; turn++) {
      vi.advanceTimersByTime(999);
      operation.goesOn();
    }
    expect(next.begun).toBe(false);
    vi.advanceTimersByTime(1000);
    vi.advanceTimersByTime(58_999);
    operation.goesOn();
    vi.advanceTimersByTime(1000);
    vi.advanceTimersByTime(58_999);
    operation.result.resolve('done');
    expect(await operation.outcome).toBe('done');
  });

  test('tells what waits for it, and puts it back in the queue where that has not begun', async () => {
    const { begin } = setUp();
    const [first, second] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
    const turns = [first, second].map(({ promise }) => promise);
    const held = begin('/held', { hold: () => first.reject(NOT_BEGUN) });
    const behind = begin('/behind', { start: () => turns.shift() ?? Promise.reject(new Error('thrice')) });
    const next = begin('/next');
    vi.advanceTimersByTime(1000);
    await expect.poll(() => turns).toEqual([]);
    expect(next.begun).toBe(true);
    second.resolve('behind');
    expect(await behind.outcome).toBe('behind');
    held.result.resolve('held');
    expect(await held.outcome).toBe('held');
  });

  test('has time left after the process was stopped, however long that was', () => {
    const { begin } = setUp();
    const operation = begin('/a');
    vi.advanceTimersToNextTimer();
    expect(operation.abandoned).toBe(false);
    expect(vi.getTimerCount()).toBe(1);
  });
});

describe('a file system that hangs', () => {
  /** Operations that hold as much as they may. */
  function hung(begin: (path: string) => Held): Held[] {
    const operations = [begin('/dead/1'), begin('/dead/2')];
    vi.advanceTimersByTime(1000);
    operations.push(begin('/dead/3'));
    vi.advanceTimersByTime(1000);
    expect(begun(operations)).toEqual([true, true, true]);
    return operations;
  }

  test.runIf(process.platform === 'linux')(
    'begins no more operations, and those of others go on',
    async () => {
      const { begin } = setUp();
      hung(begin);
      const [waiting, healthy] = [begin('/dead/4'), begin(HEALTHY)];
      expect(begun([waiting, healthy])).toEqual([false, true]);
      healthy.result.resolve('well');
      expect(await healthy.outcome).toBe('well');
    },
  );

  test.runIf(process.platform === 'linux')('fails operations at once until one of it returns', async () => {
    const { begin } = setUp();
    const [first] = hung(begin);
    const waiting = begin('/dead/4');
    vi.advanceTimersByTime(60_000);
    const words =
      'could not be read: operations on / hang, each for longer than 60 s (SOME_VARIABLE), and no more are begun until ' +
      'one returns; check the disk or the mount';
    await expect(waiting.outcome).rejects.toMatchObject(refusal(`/dead/4 ${words}`));
    await expect(begin('/dead/5').outcome).rejects.toMatchObject(refusal(`/dead/5 ${words}`));
    expect(begin(HEALTHY).begun).toBe(true);
    first?.result.resolve('back');
    await expect.poll(() => first?.late).toEqual(['back']);
    const next = begin('/dead/6');
    expect(next.begun).toBe(true);
    next.result.resolve('read');
    expect(await next.outcome).toBe('read');
  });

  test('keeps what must be done waiting as long as it takes', async () => {
    const { begin } = setUp();
    const [first] = hung(begin);
    const closing = begin('/dead/1', { mustRun: true });
    vi.advanceTimersByTime(600_000);
    expect(closing.begun).toBe(false);
    first?.result.resolve('back');
    await expect.poll(() => closing.begun).toBe(true);
  });

  test('and so many others, leave no room for any', async () => {
    const { begin } = setUp({ heldPerMount: 10 });
    const operations = [1, 2, 3, 4, 5, 6, 7].map((index) => begin(`/dead/${index}`));
    for (let second = 0; second < 10; second++) vi.advanceTimersByTime(1000);
    // Four are set aside, and two more take the turns that there are.
    expect(begun(operations)).toEqual([true, true, true, true, true, true, false]);
    for (let second = 0; second < 60; second++) vi.advanceTimersByTime(1000);
    const words = 'could not be read: operations on several file systems hang';
    await expect(operations[6]?.outcome).rejects.toThrow(`/dead/7 ${words}`);
    await expect(begin(HEALTHY).outcome).rejects.toThrow(`${HEALTHY} ${words}`);
  });
});

describe('an abort', () => {
  test('rejects at once what waits, which is never begun, and what is at work', async () => {
    const { begin } = setUp({ limit: 1 });
    const abort = new AbortController();
    const abortable = { signal: abort.signal };
    const [working, waiting] = [begin('/a', abortable), begin('/b', abortable)];
    const next = begin('/c');
    abort.abort(new Error('shutdown'));
    await expect(working.outcome).rejects.toThrow('shutdown');
    await expect(waiting.outcome).rejects.toThrow('shutdown');
    expect([working.abandoned, waiting.abandoned]).toEqual([true, false]);
    expect(next.begun).toBe(false);
    working.result.resolve('late');
    await expect.poll(() => next.begun).toBe(true);
    expect(working.late).toEqual(['late']);
    expect(waiting.begun).toBe(false);
    await expect(begin('/d', abortable).outcome).rejects.toThrow('shutdown');
  });
});

test('closed, it fails what has not returned, and what comes', async () => {
  const { queue, begin } = setUp({ limit: 1 });
  const operations = [begin('/a'), begin('/b')];
  queue.close(() => new Error('closed'));
  operations.push(begin('/c'));
  for (const { outcome } of operations) await expect(outcome).rejects.toThrow('closed');
  expect(begun(operations)).toEqual([true, false, false]);
});
