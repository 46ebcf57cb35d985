import { describe, expect, it } from 'vitest';
import { sortByActivity, type UploadRow } from '../../../src/status/upload-rows.ts';

const entry = (
  id: string,
  jobState: UploadRow['jobState'],
  state: UploadRow['state'],
  atMs = 0,
): UploadRow => ({
  id,
  jobState,
  state,
  atMs,
});
const order = (entries: readonly UploadRow[]): string =>
  sortByActivity(entries)
    .map(({ id }) => id)
    .join(' ');

describe('sortByActivity', () => {
  it('puts what sends first, then what is on its way, what is queued, and what has ended', () => {
    expect(
      order([
        entry('completed', 'completed', 'completed', 9),
        entry('queued', 'prioritized', 'queued'),
        entry('initializing', 'waiting-children', 'initializing', 5),
        entry('later', 'delayed', 'queued'),
        entry('hashing', 'active', 'hashing', 5),
        entry('uploading', 'waiting-children', 'uploading', 1),
        entry('retried', 'waiting', 'queued'),
        entry('finishing', 'waiting-children', 'finishing', 1),
        entry('failed', 'failed', 'failed', 10),
      ]),
    ).toBe('finishing uploading hashing initializing queued retried later failed completed');
  });

  it('puts the newest first of those under way, and the latest first of those that have ended', () => {
    expect(
      order([
        entry('a', 'failed', 'failed', 10),
        entry('b', 'completed', 'completed', 30),
        entry('c', 'failed', 'cancelled', 20),
        entry('old', 'waiting-children', 'uploading', 1),
        entry('new', 'waiting-children', 'uploading', 2),
      ]),
    ).toBe('new old b c a');
  });

  it('keeps the order in which the queued will be taken', () => {
    expect(order(['z', 'a', 'm'].map((id) => entry(id, 'prioritized', 'queued')))).toBe('z a m');
  });

  it('tells an upload once that moved on while it was read', () => {
    const entries = [entry('a', 'active', 'uploading', 1), entry('a', 'completed', 'completed', 2)];
    expect(sortByActivity(entries)).toEqual([entries[0]]);
  });
});
