import { describe, expect, test } from 'vitest';
import { refuseChanges, sameVersion } from '../../../src/source/version.ts';

const VERSION = { size: 10, mtimeNs: '1700000000000000000', inode: '9007199254740993' };

describe('a version', () => {
  test('is the same when all of it agrees', () => {
    expect(sameVersion(VERSION, { ...VERSION })).toBe(true);
    expect(() => refuseChanges('/films/a.mp4', VERSION, { ...VERSION })).not.toThrow();
  });

  test.each([
    [{ size: 11 }, 'size was 10 bytes, is 11;'],
    [{ mtimeNs: '1700000000000000001' }, 'modification time was 2023-11-14T22:13:20.000000000Z, is '],
    [
      { inode: '9007199254740992' },
      'replaced by another file (inode was 9007199254740993, is 9007199254740992)',
    ],
    [{ size: 0, inode: '1' }, '(inode was 9007199254740993, is 1); size was 10 bytes, is 0;'],
  ])('is another one with %j', (change, words) => {
    const other = { ...VERSION, ...change };
    expect(sameVersion(VERSION, other)).toBe(false);
    expect(() => refuseChanges('/films/a.mp4', VERSION, other)).toThrow(words);
  });
});
