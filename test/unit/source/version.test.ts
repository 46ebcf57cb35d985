import { describe, expect, test } from 'vitest';
import { checkUnchanged, sameVersion } from '../../../src/source/version.ts';

const VERSION = {
  size: 10,
  mtimeNs: '1700000000000000000',
  inode: '9007199254740993',
  ctimeNs: '1700000000000000002',
};

describe('a version', () => {
  test('is the same when all fields agree', () => {
    for (const as of ['file', 'upload', 'content'] as const) {
      expect(sameVersion(VERSION, { ...VERSION }, as)).toBe(true);
    }
    expect(() => checkUnchanged('/films/a.mp4', VERSION, { ...VERSION }, 'file')).not.toThrow();
  });

  test.each([
    [{ size: 11 }, 'size was 10 bytes, is 11;'],
    [{ mtimeNs: '1700000000000000001' }, 'modification time was 2023-11-14T22:13:20.000000000Z, is '],
    [
      { inode: '9007199254740992' },
      'replaced by another file (inode was 9007199254740993, is 9007199254740992)',
    ],
    [{ size: 0, inode: '1' }, '(inode was 9007199254740993, is 1); size was 10 bytes, is 0;'],
  ])('of one open file is another one with %j', (change, words) => {
    const other = { ...VERSION, ...change };
    expect(sameVersion(VERSION, other, 'file')).toBe(false);
    expect(() => checkUnchanged('/films/a.mp4', VERSION, other, 'file')).toThrow(words);
  });

  // Whether it is the same for a running upload, and for the reuse of a SHA-1.
  test.each([
    ['another size', { size: 11 }, { upload: false, content: false }],
    ['another mtime', { mtimeNs: '1' }, { upload: false, content: false }],
    ['another inode, as on another machine', { inode: '1' }, { upload: true, content: true }],
    ['another ctime, as after a chmod or touch -r', { ctimeNs: '1' }, { upload: true, content: false }],
  ])('with %s', (_, change, same) => {
    const other = { ...VERSION, ...change };
    expect(sameVersion(VERSION, other, 'upload')).toBe(same.upload);
    expect(sameVersion(VERSION, other, 'content')).toBe(same.content);
  });

  test('of an older worker, without ctime, is valid for a running upload but not for the reuse of a SHA-1', () => {
    const { ctimeNs: _, ...older } = VERSION;
    expect(sameVersion(older, VERSION, 'upload')).toBe(true);
    expect(sameVersion(older, VERSION, 'content')).toBe(false);
  });

  test('of a copy: the message has no inode if inodes do not count', () => {
    const other = { ...VERSION, inode: '1', size: 11 };
    expect(() => checkUnchanged('/films/a.mp4', VERSION, other, 'upload')).toThrow(
      /uploaded: size was 10 bytes, is 11;/,
    );
  });
});
