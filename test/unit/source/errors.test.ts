import { describe, expect, test } from 'vitest';
import { SourceError, sourceErrorOf } from '../../../src/source/errors.ts';

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: it went wrong, read`), { code });
}

describe('sourceErrorOf', () => {
  test.each(['EIO', 'ESTALE', 'ETIMEDOUT', 'EMFILE', 'ENFILE', 'EREMOTEIO'])('%s is retryable', (code) => {
    const cause = systemError(code);
    const error = sourceErrorOf(cause, '/films/a.mp4');
    expect(error).toMatchObject({ code: 'SOURCE_READ_FAILED', retryable: true, cause });
    expect(error.message).toMatch(/^\/films\/a\.mp4 could not be /);
  });

  test.each([
    ['ENOENT', 'SOURCE_NOT_FOUND', 'does not exist; check the path'],
    ['ENOTDIR', 'SOURCE_NOT_FOUND', 'does not exist; check the path'],
    ['ELOOP', 'SOURCE_NOT_FOUND', 'symbolic links'],
    ['EACCES', 'SOURCE_PERMISSION', 'read permission'],
    ['EPERM', 'SOURCE_PERMISSION', 'read permission'],
  ])('%s is not retryable', (errno, code, words) => {
    const error = sourceErrorOf(systemError(errno), '/films/a.mp4');
    expect(error).toMatchObject({ code, retryable: false });
    expect(error.message).toContain(words);
  });

  test('distinguishes a deleted file from one that never existed', () => {
    expect(sourceErrorOf(systemError('ENOENT'), '/films/a.mp4', true)).toMatchObject({
      code: 'SOURCE_NOT_FOUND',
      message: expect.stringContaining('/films/a.mp4 was deleted or moved while it was being uploaded'),
    });
  });

  test('returns a SourceError unchanged', () => {
    const error = new SourceError('SOURCE_EMPTY', 'empty');
    expect(sourceErrorOf(error, '/other')).toBe(error);
    expect(error.cause).toBeUndefined();
  });
});
