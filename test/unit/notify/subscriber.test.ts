import { expect, it, vi } from 'vitest';
import { SubscriberCalls } from '../../../src/notify/subscriber.ts';
import type { UploadEndEvent } from '../../../src/notify/subscriber-events.ts';

const event = { type: 'upload.completed', id: 'u1-0-r1' } as UploadEndEvent;
const never = new AbortController().signal;

it('delivers an event again until the callback succeeds, and reports each error', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0);
  const errors: unknown[] = [];
  const onCompleted = vi.fn().mockRejectedValueOnce('first').mockRejectedValueOnce('second');
  const calls = new SubscriberCalls({ consumer: 'c', onCompleted, onError: (e) => errors.push(e) }, never);
  expect(await calls.deliver(event)).toBe(true);
  expect(onCompleted).toHaveBeenCalledTimes(3);
  expect(errors).toEqual(['first', 'second']);
});

it('stops delivering when the subscription is closed', async () => {
  const closed = new AbortController();
  const onCompleted = vi.fn(() => {
    closed.abort();
    throw new Error('failed');
  });
  const calls = new SubscriberCalls({ consumer: 'c', onCompleted, onError: () => {} }, closed.signal);
  expect(await calls.deliver(event)).toBe(false);
  expect(onCompleted).toHaveBeenCalledTimes(1);
});

it('counts an event without a callback as delivered, and ignores what onError throws', async () => {
  const onError = vi.fn().mockRejectedValue(new Error('from onError'));
  const calls = new SubscriberCalls({ consumer: 'c', onError }, never);
  expect(await calls.deliver(event)).toBe(true);
  await calls.reportError('x');
  expect(onError).toHaveBeenCalledWith('x');
});
