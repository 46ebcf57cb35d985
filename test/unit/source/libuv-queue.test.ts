import { lookup } from 'node:dns/promises';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { inspectFile } from '../../../src/source/inspect-file.ts';
import { queueFileCalls } from '../../../src/source/libuv-queue.ts';
import { resolveRoots } from '../../../src/source/roots.ts';
import { tempDir } from './temp-dir.ts';

/** Calls that return at the end of the test. The queue is global, so none may remain. */
function hungCalls() {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const started: (() => void)[] = [];
  const outcomes: Promise<unknown>[] = [];
  onTestFinished(async () => {
    for (const end of started) end();
    vi.useRealTimers();
    await Promise.all(outcomes);
  });
  return {
    started: () => started.length,
    call(path: string): Promise<unknown> {
      const outcome = queueFileCalls(
        path,
        () => new Promise<string>((resolve) => started.push(() => resolve('seen'))),
      );
      outcomes.push(outcome.catch(() => {}));
      return outcome;
    },
  };
}

test.runIf(process.platform === 'linux')(
  'a hung disk blocks at most two threads of Node, and calls on others continue',
  async () => {
    const { started, call } = hungCalls();
    const hung = [...Array(10)].map((_, index) => call(`/dead/${index}.mp4`));
    expect(started()).toBe(2);
    vi.advanceTimersByTime(1000);
    expect(started()).toBe(2);
    expect(await queueFileCalls('/proc/self', async () => 'seen')).toBe('seen');
    const outcomes = Promise.allSettled(hung);
    vi.advanceTimersByTime(59_000);
    const words = 'took longer than 60 s; check the disk or the mount that holds it';
    for (const outcome of (await outcomes).slice(0, 2)) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: { code: 'SOURCE_READ_FAILED', retryable: true, message: expect.stringContaining(words) },
      });
    }
    for (const outcome of (await outcomes).slice(2)) {
      expect(outcome).toMatchObject({
        status: 'rejected',
        reason: {
          code: 'SOURCE_READ_FAILED',
          message: expect.stringContaining('operations on / hang, each for'),
        },
      });
    }
    expect(started()).toBe(2);
  },
);

test.runIf(process.platform === 'linux')(
  'several hung disks block at most three threads of Node',
  async () => {
    const { started, call } = hungCalls();
    const hung = ['/dead', '/proc/dead', '/sys/dead', '/dev/dead', '/dead', '/proc/dead'].map(call);
    const outcomes = Promise.allSettled(hung);
    for (let second = 0; second < 130; second++) {
      vi.advanceTimersByTime(1000);
      expect(started()).toBeLessThanOrEqual(3);
    }
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ status: 'rejected' });
    expect((await lookup('localhost')).address).toBeDefined();
  },
);

test('a root whose disk hangs is named, along with the problems of others', async () => {
  const root = tempDir();
  writeFileSync(join(root, 'film.mp4'), 'film');
  const { call } = hungCalls();
  // All are on the same disk.
  const hung = Promise.allSettled([call(root), call(root)]);
  const resolving = resolveRoots([root, '', 'gone'], root);
  const outcome = resolving.catch((error: unknown) => error);
  const inspecting = inspectFile(join(root, 'film.mp4'), [root]).catch((error: unknown) => error);
  vi.advanceTimersByTime(1000);
  vi.advanceTimersByTime(59_000);
  await hung;
  expect(await outcome).toMatchObject({
    code: 'SOURCE_ROOTS_INVALID',
    message: expect.stringMatching(
      /^SOURCE_ROOTS must name existing directories, joined by colons: .*can't be used \(.* hang, each for longer than 60 s.*; an entry is empty; gone can't be used/,
    ),
  });
  expect(await inspecting).toMatchObject({ code: 'SOURCE_READ_FAILED', retryable: true });
});
