import { z } from 'zod';
import { MAX_SESSION_LENGTH } from '../../backend/backend.ts';
import { MAX_FILE_BYTES, MAX_PART_BYTES, MIN_PART_BYTES } from '../../upload/plan.ts';
import { schemaVersion } from './schema.ts';

/* Fields that several jobs have. */

export const bytes = z.int().min(0).max(MAX_FILE_BYTES);
export const partSize = z.int().min(MIN_PART_BYTES).max(MAX_PART_BYTES);
export const sha1 = z.string().regex(/^[0-9a-f]{40}$/);
// The limits are far above what producers accept. They keep a forged job from causing a request of megabytes.
export const path = z.string().min(1).max(4096);
export const text = z.string().min(1).max(512);
/** Of a backend: only it reads the text. */
export const session = z.string().min(1).max(MAX_SESSION_LENGTH);
/** What a job keeps for its later starts: only the backend reads the text. */
export const memo = z.string().max(2 * MAX_SESSION_LENGTH);
/** Of parts: see `combineChecksums`. */
export const checksum = z.string().regex(/^[0-9a-f]{1,64}$/);
export const run = z.object({ attempt: z.int().min(1), round: z.int().min(0) });

/** The fields that each child of an upload has. */
export const child = z.object({ schema: schemaVersion, uploadId: text, run });
