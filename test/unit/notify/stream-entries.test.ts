import { describe, expect, it } from 'vitest';
import { isLater, type StreamEntry } from '../../../src/notify/bullmq-event-reader.ts';
import { newestEntryIds, toEndRecord } from '../../../src/notify/stream-entries.ts';

const entry = (id: string, event: string, fields: Record<string, string> = {}): StreamEntry => ({
  id,
  fields: { event, jobId: 'u1', ...fields },
});

describe('toEndRecord', () => {
  it('reads the return value of a completed job', () => {
    expect(toEndRecord(entry('1000-0', 'completed', { returnvalue: '{}' }), undefined)).toEqual({
      ...{ uploadId: 'u1', event: 'completed', atMs: 1000, entryId: '1000-0', value: '{}' },
    });
  });

  it('reads the attempt of a failure from the next entry of the same job', () => {
    const failed = entry('1000-0', 'failed', { failedReason: 'x' });
    const next = entry('1000-1', 'retries-exhausted', { attemptsMade: '2' });
    const record = { uploadId: 'u1', event: 'failed', atMs: 1000, entryId: '1000-0', value: 'x' };
    expect(toEndRecord(failed, next)).toEqual({ ...record, attempt: 2 });
    for (const other of [
      undefined,
      entry('1000-1', 'waiting'),
      { ...next, fields: { ...next.fields, jobId: 'u2' } },
    ]) {
      expect(toEndRecord(failed, other)).toStrictEqual(record);
    }
  });

  it('ignores other events', () => {
    expect(toEndRecord(entry('1-0', 'progress'), undefined)).toBeUndefined();
  });
});

it('newestEntryIds returns the newest progress or end per upload', () => {
  const entries = [
    entry('1-0', 'progress'),
    entry('2-0', 'progress', { jobId: 'u2' }),
    entry('3-0', 'completed'),
    entry('4-0', 'waiting', { jobId: 'u2' }),
  ];
  expect([...newestEntryIds(entries)]).toEqual([
    ['u1', '3-0'],
    ['u2', '2-0'],
  ]);
});

it.each([
  ['2-0', '1-5', true],
  ['1-6', '1-5', true],
  ['1-5', '1-5', false],
  ['9-0', '10-0', false],
  ['1-0', '', true],
])('isLater compares ids as numbers: %s, %s is %s', (id, than, expected) => {
  expect(isLater(id, than)).toBe(expected);
});
