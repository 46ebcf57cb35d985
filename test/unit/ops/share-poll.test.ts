import { expect, it } from 'vitest';
import { sharePoll } from '../../../src/ops/share-poll.ts';

it('asks once for all who come meanwhile and in the second after', async () => {
  let nowMs = 0;
  let asked = 0;
  let answer = Promise.withResolvers<void>();
  const poll = sharePoll(
    () => {
      asked++;
      return answer.promise;
    },
    () => nowMs,
  );
  const all = Promise.all([poll(), poll(), poll()]);
  answer.resolve();
  await all;
  nowMs = 999;
  await poll();
  expect(asked).toBe(1);
  nowMs = 1000;
  answer = Promise.withResolvers();
  const later = poll();
  expect(asked).toBe(2);
  answer.resolve();
  await later;
});
