import type { Memo } from '../src/backend/backend.ts';
import type { JobContext } from '../src/queue/consumer.ts';

/** What a job keeps in its data for its later starts. */
export function memoOf(data: { readonly memo?: string }, { save }: JobContext): Memo {
  return { value: data.memo, save: (memo) => save({ ...data, memo }) };
}
