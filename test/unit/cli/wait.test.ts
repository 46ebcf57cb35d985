import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { waitForEnds } from '../../../src/cli/wait.ts';
import type { UploadState, UploadStatus } from '../../../src/index.ts';
import { Interrupted } from '../../../src/terminal/context.ts';
import { memoryContext } from './memory-output.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = new Promise<never>(() => {});

/** An upload that stays in this state until `complete` is called. */
function uploadIn(state: UploadState, id = 'u1') {
  const end = Promise.withResolvers<void>();
  let now = state;
  const progress = { bytesHashed: 0, bytesSent: 0, totalBytes: 0 };
  const upload = {
    id,
    async *progress() {
      yield { stage: now, ...progress };
      await end.promise;
      now = 'completed';
    },
    status: async () => ({ id, state: now }) as UploadStatus,
  };
  return { waiting: { upload, label: `${id}.mp4` }, complete: () => end.resolve() };
}

test('asks once whether a worker is running when an upload stays queued', async () => {
  const context = memoryContext();
  const { waiting, complete } = uploadIn('queued');
  const ended = vi.fn();
  const all = waitForEnds([waiting], { json: false, context, stopSignal: never, onEnd: ended });
  await vi.advanceTimersByTimeAsync(14_000);
  expect(context.err.text).toBe('u1.mp4: queued\n');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(context.err.text.match(/is a worker running/g)).toHaveLength(1);
  expect(ended).not.toHaveBeenCalled();
  complete();
  await all;
  expect(ended).toHaveBeenCalledExactlyOnceWith({ id: 'u1', state: 'completed' }, 0);
  expect(vi.getTimerCount()).toBe(0);
});

test.each([
  ['an upload that has started', 'uploading', 0],
  ['a delayed upload', 'queued', 3_600_000],
  ['an upload delayed longer than the longest timer', 'queued', 2 ** 31],
] as const)('does not ask about %s', async (_, state, delay) => {
  const context = memoryContext();
  const { waiting, complete } = uploadIn(state);
  const all = waitForEnds([waiting], {
    ...{ json: false, context, stopSignal: never, delay, onEnd: () => {} },
  });
  await vi.advanceTimersByTimeAsync(60_000);
  expect(context.err.text).not.toContain('worker');
  complete();
  await all;
});

test('prints nothing with JSON', async () => {
  const context = memoryContext();
  const { waiting, complete } = uploadIn('queued');
  const all = waitForEnds([waiting], { json: true, context, stopSignal: never, onEnd: () => {} });
  await vi.advanceTimersByTimeAsync(60_000);
  complete();
  await all;
  expect(context.out.text + context.err.text).toBe('');
});

test('an interruption names the uploads that have not ended', async () => {
  const context = memoryContext();
  const [one, two] = [uploadIn('uploading', 'one'), uploadIn('uploading', 'two')];
  const { promise: stopSignal, resolve: interrupt } = Promise.withResolvers<NodeJS.Signals>();
  const all = waitForEnds([one.waiting, two.waiting], { json: false, context, stopSignal, onEnd: () => {} });
  const interrupted = expect(all).rejects.toSatisfy((error: Interrupted) => {
    expect(error).toBeInstanceOf(Interrupted);
    expect(error.exitCode).toBe(130);
    expect(error.message).toContain('the workers continue two.mp4');
    expect(error.message).toContain('vod-upload status two');
    expect(error.message).not.toContain('one');
    return true;
  });
  one.complete();
  await vi.advanceTimersByTimeAsync(1);
  interrupt('SIGINT');
  await interrupted;
});
