import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UploaderError } from '../../../src/base/errors.ts';
import { failureOf, formatFailure, parseFailure } from '../../../src/queue/failure.ts';

describe('failures as one string', () => {
  it('come back as they were, whatever the message', () => {
    const code = fc.stringMatching(/^[A-Za-z0-9_.-]{1,60}$/);
    fc.assert(
      fc.property(code, fc.string({ unit: 'grapheme' }), fc.boolean(), (code, message, retryable) => {
        expect(parseFailure(formatFailure({ code, message, retryable }))).toEqual({
          code,
          message,
          retryable,
        });
      }),
    );
  });

  it('read well in a dashboard', () => {
    expect(
      formatFailure({ code: '-10001', message: 'InitUpload was refused: invalid arg', retryable: false }),
    ).toBe('InitUpload was refused: invalid arg [-10001]');
  });

  it('know BullMQ’s own failure of jobs that stalled too often', () => {
    expect(parseFailure('job stalled more than allowable limit')).toMatchObject({
      code: 'STALLED',
      retryable: true,
    });
  });

  it('take any other string as INTERNAL', () => {
    expect(parseFailure('Cannot read properties of undefined').code).toBe('INTERNAL');
    expect(parseFailure('').message).toBe('unknown error');
  });

  it('keep an error’s own code and retryability', () => {
    expect(failureOf(new UploaderError('SOURCE_CHANGED', 'it changed'))).toEqual({
      code: 'SOURCE_CHANGED',
      message: 'it changed',
      retryable: false,
    });
  });

  it('retry trouble with the system, but not a bug', () => {
    const full = Object.assign(new Error('too many open files'), { code: 'EMFILE', syscall: 'open' });
    expect(failureOf(full)).toMatchObject({ code: 'INTERNAL', retryable: true });
    expect(failureOf(new TypeError('x is not a function'))).toMatchObject({
      code: 'INTERNAL',
      retryable: false,
    });
    expect(failureOf('thrown text')).toMatchObject({
      code: 'INTERNAL',
      message: 'thrown text',
      retryable: false,
    });
  });
});
