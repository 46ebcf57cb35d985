import { UnrecoverableError } from 'bullmq';
import { z } from 'zod';
import { UploaderError } from '../../base/errors.ts';
import { formatFailure } from '../failure.ts';

/*
 * Job data and results in Redis. A worker parses them before use, because anyone with write access to Redis can change
 * them.
 *
 * `schema` is the version of all schemas in this folder. Workers of two versions may share the queues, so a change that
 * older workers can't read needs a new version. Then:
 * - a worker leaves jobs of a newer version to other workers ({@link NewerJobError});
 * - a worker reads jobs of the previous version, and returns results in that version's form;
 * - a worker that takes an upload updates its job to the worker's own version, and adds children of that version;
 * - the parts of an upload that producers read (`uploadView`, progress, result) never change: applications embed the
 *   producer, and are not upgraded together with the workers.
 */

export const SCHEMA_VERSION = 3;
/** The oldest version that this program reads. */
const OLDEST_SCHEMA_VERSION = 1;
export const schemaVersion = z.int().min(OLDEST_SCHEMA_VERSION).max(SCHEMA_VERSION);

/** A newer version of this program wrote the job. Retryable: a worker of that version can process it. */
export class NewerJobError extends UploaderError {
  constructor(name: string, version: number) {
    super(
      'NEWER_JOB',
      `${name} has schema version ${version}, but this program reads versions up to ${SCHEMA_VERSION}: run a newer version`,
      { retryable: true },
    );
  }
}

/**
 * Creates the function that parses the data or the result of a job. It throws
 * - {@link NewerJobError} if a newer version wrote the value;
 * - {@link UnrecoverableError} if the value is invalid, because a retry would parse the same value.
 *
 * @param name of the value, for error messages
 */
export function createParser<T>(schema: z.ZodType<T>, name: string): (value: unknown) => T {
  return (value) => {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const newer = newerVersionOf(value);
    if (newer !== undefined) throw new NewerJobError(name, newer);
    const issue = parsed.error.issues[0];
    const message = `${name} is invalid: ${issue?.path.join('.') || '(all)'}: ${issue?.message}`;
    throw new UnrecoverableError(formatFailure({ code: 'INVALID_JOB', message, retryable: false }));
  };
}

function newerVersionOf(value: unknown): number | undefined {
  const version = (value as { readonly schema?: unknown } | null | undefined)?.schema;
  return Number.isInteger(version) && (version as number) > SCHEMA_VERSION ? (version as number) : undefined;
}
