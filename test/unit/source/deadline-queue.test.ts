import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { DeadlineQueue, type QueueLimits } from '../../../src/source/deadline-queue.ts';
import { type FileOperation, NOT_STARTED } from '../../../src/source/queued-operation.ts';

const LIMITS = { limit: 2, slowPerMount: 3, slowInTotal: 4, timeoutMs: 60_000, variable: 'SOME_VARIABLE' };

/** An operation that ends when the test resolves it. */
class TestOperation {
  started = false;
  abandoned = false;
  onProgress: () => void = () => {};
  readonly result = Promise.withResolvers<string>();
  readonly late: string[] = [];
  readonly outcome: Promise<string>;

  /** @param atOnce whether it accesses the disk as soon as it starts */
  constructor(queue: DeadlineQueue, path: string, more: Partial<FileOperation<string>> = {}, atOnce = true) {
    this.outcome = queue.run({
      path,
      describe: () => 'checking it',
      start: (onProgress) => {
        this.started = true;
        this.onProgress = onProgress;
        if (atOnce) onProgress();
        return this.result.promise;
      },
      onAbandoned: () => {
        this.abandoned = true;
      },
      onLateResult: (result) => void this.late.push(result),
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
    new TestOperation(queue, path, more, atOnce);
  return { queue, begin };
}

const started = (operations: readonly TestOperation[]): boolean[] =>
  operations.map((operation) => operation.started);
/** /proc and / are different mounts if there is a /proc; no file is accessed. */
const HEALTHY = '/proc/healthy.mp4';
const refusal = (words: string) => ({ code: 'SOURCE_READ_FAILED', retryable: true, message: words });

test('starts operations in order, up to the limit', async () => {
  const { begin } = setUp();
  const operations = ['/a', '/b', '/c', '/d'].map((path) => begin(path));
  expect(started(operations)).toEqual([true, true, false, false]);
  operations[1]?.result.resolve('b');
  expect(await operations[1]?.outcome).toBe('b');
  expect(started(operations)).toEqual([true, true, true, false]);
  operations[0]?.result.reject(new Error('it is broken'));
  await expect(operations[0]?.outcome).rejects.toThrow('it is broken');
  expect(started(operations)).toEqual([true, true, true, true]);
});

test('starts one small operation at a time beyond the limit, if smallLane is set', async () => {
  const { begin } = setUp({ smallLane: true });
  const operations = [false, false, false, true, true].map((isSmall) => begin('/a', { isSmall }));
  expect(started(operations)).toEqual([true, true, false, true, false]);
  operations[3]?.result.resolve('done');
  await operations[3]?.outcome;
  expect(started(operations)).toEqual([true, true, false, true, true]);
});

describe('a slow operation', () => {
  test('no longer counts towards the limit after a second, and may still succeed', async () => {
    const { begin } = setUp({ limit: 1 });
    const [slow, next] = [begin('/slow'), begin('/next')];
    vi.advanceTimersByTime(999);
    expect(next.started).toBe(false);
    vi.advanceTimersByTime(1);
    expect(next.started).toBe(true);
    slow.result.resolve('slow');
    expect(await slow.outcome).toBe('slow');
    expect(slow.abandoned).toBe(false);
  });

  test('fails at its deadline, is abandoned, and may return later', async () => {
    const { begin } = setUp();
    const operation = begin('/films/a.mp4', { describe: () => 'reading 10 bytes at offset 20' });
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

  test('counts towards the limit until it accesses the disk, and has a deadline all the same', async () => {
    const { begin } = setUp({ limit: 1 });
    const operations = ['/a', '/b'].map((path) => begin(path, {}, false));
    vi.advanceTimersByTime(59_999);
    expect(started(operations)).toEqual([true, false]);
    operations[0]?.onProgress();
    vi.advanceTimersByTime(1000);
    expect(started(operations)).toEqual([true, true]);
    const outcome = operations[1]?.outcome.catch((error: unknown) => error);
    vi.advanceTimersByTime(60_000);
    expect(await outcome).toMatchObject({ code: 'SOURCE_READ_FAILED' });
  });

  test('gets the whole time again whenever it progresses', async () => {
    const { begin } = setUp({ limit: 1 });
    const [operation, next] = [begin('/a'), begin('/b')];
    for (let turn = 0; turn < 10; turn++) {
      vi.advanceTimersByTime(999);
      operation.onProgress();
    }
    expect(next.started).toBe(false);
    vi.advanceTimersByTime(1000);
    vi.advanceTimersByTime(58_999);
    operation.onProgress();
    vi.advanceTimersByTime(1000);
    vi.advanceTimersByTime(58_999);
    operation.result.resolve('done');
    expect(await operation.outcome).toBe('done');
  });

  test('notifies operations behind it, which return to the queue if they have not started', async () => {
    const { begin } = setUp();
    const [first, second] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
    const turns = [first, second].map(({ promise }) => promise);
    const held = begin('/held', { onSlow: () => first.reject(NOT_STARTED) });
    const behind = begin('/behind', { start: () => turns.shift() ?? Promise.reject(new Error('thrice')) });
    const next = begin('/next');
    vi.advanceTimersByTime(1000);
    await expect.poll(() => turns).toEqual([]);
    expect(next.started).toBe(true);
    second.resolve('behind');
    expect(await behind.outcome).toBe('behind');
    held.result.resolve('held');
    expect(await held.outcome).toBe('held');
  });

  test('has time left after the process was suspended, however long', () => {
    const { begin } = setUp();
    const operation = begin('/a');
    vi.advanceTimersToNextTimer();
    expect(operation.abandoned).toBe(false);
    expect(vi.getTimerCount()).toBe(1);
  });
});

describe('a file system that hangs', () => {
  /** Starts as many operations as may be slow. */
  function hung(begin: (path: string) => TestOperation): TestOperation[] {
    const operations = [begin('/dead/1'), begin('/dead/2')];
    vi.advanceTimersByTime(1000);
    operations.push(begin('/dead/3'));
    vi.advanceTimersByTime(1000);
    expect(started(operations)).toEqual([true, true, true]);
    return operations;
  }

  test.runIf(process.platform === 'linux')(
    'gets no more operations, while those on others continue',
    async () => {
      const { begin } = setUp();
      hung(begin);
      const [waiting, healthy] = [begin('/dead/4'), begin(HEALTHY)];
      expect(started([waiting, healthy])).toEqual([false, true]);
      healthy.result.resolve('well');
      expect(await healthy.outcome).toBe('well');
    },
  );

  test.runIf(process.platform === 'linux')('fails operations at once until one returns', async () => {
    const { begin } = setUp();
    const [first] = hung(begin);
    const waiting = begin('/dead/4');
    vi.advanceTimersByTime(60_000);
    const words =
      'could not be read: operations on / hang, each for longer than 60 s (SOME_VARIABLE), and no more are started until ' +
      'one returns; check the disk or the mount';
    await expect(waiting.outcome).rejects.toMatchObject(refusal(`/dead/4 ${words}`));
    await expect(begin('/dead/5').outcome).rejects.toMatchObject(refusal(`/dead/5 ${words}`));
    expect(begin(HEALTHY).started).toBe(true);
    first?.result.resolve('back');
    await expect.poll(() => first?.late).toEqual(['back']);
    const next = begin('/dead/6');
    expect(next.started).toBe(true);
    next.result.resolve('read');
    expect(await next.outcome).toBe('read');
  });

  test('delays operations that must run as long as necessary', async () => {
    const { begin } = setUp();
    const [first] = hung(begin);
    const closing = begin('/dead/1', { mustRun: true });
    vi.advanceTimersByTime(600_000);
    expect(closing.started).toBe(false);
    first?.result.resolve('back');
    await expect.poll(() => closing.started).toBe(true);
  });

  test('together with others, blocks all operations', async () => {
    const { begin } = setUp({ slowPerMount: 10 });
    const operations = [1, 2, 3, 4, 5, 6, 7].map((index) => begin(`/dead/${index}`));
    for (let second = 0; second < 10; second++) vi.advanceTimersByTime(1000);
    // Four slow ones do not count, and two more reach the limit.
    expect(started(operations)).toEqual([true, true, true, true, true, true, false]);
    for (let second = 0; second < 60; second++) vi.advanceTimersByTime(1000);
    const words = 'could not be read: operations on several file systems hang';
    await expect(operations[6]?.outcome).rejects.toThrow(`/dead/7 ${words}`);
    await expect(begin(HEALTHY).outcome).rejects.toThrow(`${HEALTHY} ${words}`);
  });
});

describe('an abort', () => {
  test('rejects waiting operations, which are never started, and running ones at once', async () => {
    const { begin } = setUp({ limit: 1 });
    const abort = new AbortController();
    const abortable = { signal: abort.signal };
    const [working, waiting] = [begin('/a', abortable), begin('/b', abortable)];
    const next = begin('/c');
    abort.abort(new Error('shutdown'));
    await expect(working.outcome).rejects.toThrow('shutdown');
    await expect(waiting.outcome).rejects.toThrow('shutdown');
    expect([working.abandoned, waiting.abandoned]).toEqual([true, false]);
    expect(next.started).toBe(false);
    working.result.resolve('late');
    await expect.poll(() => next.started).toBe(true);
    expect(working.late).toEqual(['late']);
    expect(waiting.started).toBe(false);
    await expect(begin('/d', abortable).outcome).rejects.toThrow('shutdown');
  });
});

test('close fails pending and later operations', async () => {
  const { queue, begin } = setUp({ limit: 1 });
  const operations = [begin('/a'), begin('/b')];
  queue.close(() => new Error('closed'));
  operations.push(begin('/c'));
  for (const { outcome } of operations) await expect(outcome).rejects.toThrow('closed');
  expect(started(operations)).toEqual([true, false, false]);
});
