import { UnrecoverableError } from 'bullmq';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFailure } from '../../../../src/queue/failure.ts';
import {
  hashPriority,
  NewerJobError,
  parsePartData,
  parseUploadData,
  parseUploadResult,
  parseWebhookData,
  partPriority,
  SCHEMA_VERSION,
  storedUrl,
  type UploadData,
} from '../../../../src/queue/jobs/jobs.ts';
import { childId, runName } from '../../../../src/queue/names.ts';

describe('data that somebody else wrote into Redis', () => {
  it('fails the job at once, with a reason that can be read', () => {
    for (const parse of [parseUploadData, parsePartData, parseWebhookData]) {
      fc.assert(
        fc.property(fc.jsonValue(), (value) => {
          let thrown: unknown;
          try {
            parse(value);
          } catch (error) {
            thrown = error;
          }
          expect(thrown).toBeInstanceOf(UnrecoverableError);
          expect(parseFailure((thrown as Error).message)).toMatchObject({
            code: 'INVALID_JOB',
            retryable: false,
          });
        }),
      );
    }
  });

  it('is left for others when a newer version wrote it, and refused when none did', () => {
    expect(() => parseUploadData({ schema: SCHEMA_VERSION + 1 })).toThrow(NewerJobError);
    for (const schema of [0, -1, 1.5, '2', null, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => parseUploadData({ schema }), String(schema)).toThrow(/not of this version's form: schema/);
    }
  });
});

describe('a webhook in Redis', () => {
  const target = '0123456789abcdef';
  const payload = {
    id: 'u1-lx-r2',
    type: 'upload.failed',
    timestamp: '2026-05-01T12:00:00.000Z',
    data: {
      uploadId: 'u1',
      attempt: 2,
      state: 'failed',
      failure: { code: 'X', message: 'x', retryable: true },
    },
  };
  const own = { schema: SCHEMA_VERSION, uploadId: 'u1', target, payload };

  it('is taken as workers write it', () => {
    expect(parseWebhookData(own)).toEqual(own);
    const second = { ...own, after: `u1-lx-r1-${target}` };
    expect(parseWebhookData(second)).toEqual(second);
    const removed = { ...own, payload: { ...payload, id: 'u1-1700000000000-0' } };
    expect(parseWebhookData(removed)).toEqual(removed);
  });

  it.each([
    ['payload.id', { payload: { ...payload, id: 'u1\r\nset-cookie: x=y' } }],
    ['payload.id', { payload: { ...payload, id: 'ü1' } }],
    ['payload.id', { payload: { ...payload, id: '\u4e00' } }],
    ['payload.id', { payload: { ...payload, id: 'u'.repeat(129) } }],
    ['payload.data.uploadId', { uploadId: 'u2' }],
    ['after', { after: `${payload.id}-${target}` }],
    ['after', { after: `u1-lx-r1-${'f'.repeat(16)}` }],
  ])('fails at once when %s can’t be right: %j', (path, change) => {
    expect(() => parseWebhookData({ ...own, ...change })).toThrow(
      expect.objectContaining({
        name: 'UnrecoverableError',
        message: expect.stringMatching(new RegExp(`: ${path}: .* \\[INVALID_JOB\\]$`)),
      }),
    );
  });
});

describe('a result in Redis', () => {
  const result = {
    ...{ outcome: 'instant', fileId: '9', fileSha: 'a'.repeat(40), fileSize: 3, name: 'n', type: 'mp4' },
    ...{ partsSent: 0, partsSkipped: 1, bytesSent: 0, metadataApplied: false, durationMs: 1 },
  };

  it.each([
    ['https://v/f0.mp4', 'https://v/f0.mp4'],
    ['', null],
    [null, null],
  ])('of the url %j tells %j', (url, told) => {
    expect(parseUploadResult({ ...result, url })).toEqual({ ...result, url: told });
  });

  it('holds a text for a url, as programs of older versions want it', () => {
    expect(storedUrl('https://v/f0.mp4')).toBe('https://v/f0.mp4');
    expect(storedUrl(null)).toBe('');
  });
});

describe('hashPriority', () => {
  const data = (size?: number) =>
    ({ priority: 5, ...(size !== undefined && { size }), video: { partSize: 1_048_576 } }) as UploadData;
  it('puts small files before large ones, and both into the level of their upload', () => {
    expect(hashPriority(data(2_000_000))).toBe(partPriority(5, 1));
    expect(hashPriority(data(2 ** 31))).toBe(partPriority(5, 2048));
    expect(hashPriority(data(2 ** 45))).toBeLessThan(partPriority(6, 0));
    expect(hashPriority(data())).toBe(partPriority(5, 0));
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

describe('childId', () => {
  it('differs by step, attempt and round, and holds no colon', () => {
    const ids = [
      childId('u1', { attempt: 1, round: 0 }, 'hash'),
      childId('u1', { attempt: 1, round: 0 }, 0),
      childId('u1', { attempt: 1, round: 1 }, 0),
      childId('u1', { attempt: 2, round: 0 }, 0),
    ];
    expect(ids).toEqual(['u1-r1-hash', 'u1-r1-p0', 'u1-r1.1-p0', 'u1-r2-p0']);
    // Done once in an attempt, whatever its rounds.
    expect(childId('u1', { attempt: 2, round: 1 }, 'hash')).toBe('u1-r2-hash');
    expect(childId('u1', { attempt: 2, round: 1 }, 'transcode')).toBe('u1-r2-transcode');
    expect(runName({ attempt: 12, round: 3 })).toBe('r12.3');
  });
});
