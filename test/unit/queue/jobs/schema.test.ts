import { UnrecoverableError } from 'bullmq';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseFailure } from '../../../../src/queue/failure.ts';
import { parsePartData } from '../../../../src/queue/jobs/part.ts';
import { NewerJobError, SCHEMA_VERSION } from '../../../../src/queue/jobs/schema.ts';
import { parseUploadData } from '../../../../src/queue/jobs/upload.ts';
import { parseWebhookData } from '../../../../src/queue/jobs/webhook.ts';

describe('a parser of job data', () => {
  it('throws an unrecoverable error with a readable reason if the data is invalid', () => {
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

  it('throws NewerJobError if a newer version wrote the data, and refuses any other version', () => {
    expect(() => parseUploadData({ schema: SCHEMA_VERSION + 1 })).toThrow(NewerJobError);
    for (const schema of [0, -1, 1.5, '2', null, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => parseUploadData({ schema }), String(schema)).toThrow(/^upload job is invalid: schema: /);
    }
  });
});
