import { describe, expect, it } from 'vitest';
import { SCHEMA_VERSION } from '../../../../src/queue/jobs/schema.ts';
import { parseWebhookData } from '../../../../src/queue/jobs/webhook.ts';

describe('parseWebhookData', () => {
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

  it('accepts what workers write', () => {
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
  ])('throws an unrecoverable error if %s is invalid: %j', (path, change) => {
    expect(() => parseWebhookData({ ...own, ...change })).toThrow(
      expect.objectContaining({
        name: 'UnrecoverableError',
        message: expect.stringMatching(new RegExp(`: ${path}: .* \\[INVALID_JOB\\]$`)),
      }),
    );
  });
});
