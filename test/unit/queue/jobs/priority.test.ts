import { describe, expect, it } from 'vitest';
import { hashPriority, partPriority } from '../../../../src/queue/jobs/priority.ts';

describe('hashPriority', () => {
  const MIB = 1_048_576;

  it('puts small files before large ones, and stays within the level of the upload', () => {
    expect(hashPriority(5, 2_000_000, MIB)).toBe(partPriority(5, 1));
    expect(hashPriority(5, 2 ** 31, MIB)).toBe(partPriority(5, 2048));
    expect(hashPriority(5, 2 ** 45, MIB)).toBeLessThan(partPriority(6, 0));
    expect(hashPriority(5, 0, MIB)).toBe(partPriority(5, 0));
  });
});

describe('partPriority', () => {
  it('stays within BullMQ’s limit and keeps levels apart', () => {
    for (let level = 1; level <= 10; level++) {
      expect(partPriority(level, 0)).toBeGreaterThan(partPriority(level - 1, 10 ** 9));
      expect(partPriority(level, 10 ** 9)).toBeLessThan(2 ** 21);
    }
    expect(partPriority(5, 7)).toBe(partPriority(5, 6) + 1);
  });
});
