import { lookup } from 'node:dns/promises';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { inspectFile } from '../../../src/source/inspect-file.ts';
import { queueFileCalls } from '../../../src/source/libuv-queue.ts';
import { resolveRoots } from '../../../src/source/roots.ts';
import { tempDir } from './temp-dir.ts';

/** Looks that return when the test says so; they are the process's, so none may be left. */
function hungLooks() {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const begun: (() => void)[] = [];
  const outcomes: Promise<unknown>[] = [];
  onTestFinished(async () => {
    for (const end of begun) end();
    vi.useRealTimers();
    await Promise.all(outcomes);
  });
  return {
    begun: () => begun.length,
    look(path: string): Promise<unknown> {
      const outcome = queueFileCalls(
        path,
        () => new Promise<string>((resolve) => begun.push(() => resolve('seen'))),
      );
      outcomes.push(outcome.catch(() => {}));
      return outcome;
    },
  };
}

test.runIf(process.platform === 'linux')(
  'of a disk that hangs two hold threads of Node at most, and others go on',
  async () => {
    const { begun, look } = hungLooks();
    const hung = [...Array(10)].map((_, index) => look(`/dead/${index}.mp4`));
    expect(begun()).toBe(2);
    vi.advanceTimersByTime(1000);
    expect(begun()).toBe(2);
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
    expect(begun()).toBe(2);
  },
);

test.runIf(process.platform === 'linux')(
  'of several disks that hang, three hold threads of Node at most',
  async () => {
    const { begun, look } = hungLooks();
    const hung = ['/dead', '/proc/dead', '/sys/dead', '/dev/dead', '/dead', '/proc/dead'].map(look);
    const outcomes = Promise.allSettled(hung);
    for (let second = 0; second < 130; second++) {
      vi.advanceTimersByTime(1000);
      expect(begun()).toBeLessThanOrEqual(3);
    }
    for (const outcome of await outcomes) expect(outcome).toMatchObject({ status: 'rejected' });
    expect((await lookup('localhost')).address).toBeDefined();
  },
);

test('a root whose disk hangs is named, with what is wrong with others', async () => {
  const root = tempDir();
  writeFileSync(join(root, 'film.mp4'), 'film');
  const { look } = hungLooks();
  // The disk of all of them.
  const hung = Promise.allSettled([look(root), look(root)]);
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
