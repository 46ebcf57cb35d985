import { describe, expect, it } from 'vitest';
import { sortByActivity, type UploadRow } from '../../../src/status/upload-rows.ts';

const row = (
  id: string,
  jobState: UploadRow['jobState'],
  state: UploadRow['state'],
  atMs = 0,
): UploadRow => ({
  id,
  jobState,
  state,
  atMs,
  createdMs: atMs,
});
const order = (rows: readonly UploadRow[]): string =>
  sortByActivity(rows)
    .map(({ id }) => id)
    .join(' ');

describe('sortByActivity', () => {
  it('sorts by state: running, queued, ended', () => {
    expect(
      order([
        row('completed', 'completed', 'completed', 9),
        row('queued', 'prioritized', 'queued'),
        row('initializing', 'waiting-children', 'initializing', 5),
        row('later', 'delayed', 'queued'),
        row('hashing', 'active', 'hashing', 5),
        row('uploading', 'waiting-children', 'uploading', 1),
        row('retried', 'waiting', 'queued'),
        row('finishing', 'waiting-children', 'finishing', 1),
        row('failed', 'failed', 'failed', 10),
      ]),
    ).toBe('finishing uploading hashing initializing queued retried later failed completed');
  });

  it('sorts running uploads by creation and ended uploads by their end, newest first', () => {
    expect(
      order([
        row('a', 'failed', 'failed', 10),
        row('b', 'completed', 'completed', 30),
        row('c', 'failed', 'cancelled', 20),
        row('old', 'waiting-children', 'uploading', 1),
        row('new', 'waiting-children', 'uploading', 2),
      ]),
    ).toBe('new old b c a');
  });

  it('keeps queued uploads in processing order', () => {
    expect(order(['z', 'a', 'm'].map((id) => row(id, 'prioritized', 'queued')))).toBe('z a m');
  });

  it('returns an upload once that was read in two lists', () => {
    const rows = [row('a', 'active', 'uploading', 1), row('a', 'completed', 'completed', 2)];
    expect(sortByActivity(rows)).toEqual([rows[0]]);
  });
});
