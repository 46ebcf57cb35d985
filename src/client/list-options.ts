import { UPLOAD_STATES, type UploadState } from '../status/status.ts';
import type { UploadPageQuery } from '../status/upload-page.ts';
import { InvalidUploadError } from './upload-options.ts';

export interface ListOptions {
  /** Only uploads in this state. */
  readonly state?: UploadState;
  /**
   * Only uploads that match this text: part of the file name or of the key, ignoring case; part of the path if the text
   * contains a slash; or exactly the id, the SHA-1 or the fileId.
   */
  readonly search?: string;
  /** Maximum number of uploads, from 1 to 1000. Default: 50. */
  readonly limit?: number;
  /** Number of uploads to skip. Default: 0. */
  readonly offset?: number;
}

/** @throws {InvalidUploadError} naming each invalid option */
export function toListQuery({ state, search, limit = 50, offset = 0 }: ListOptions): UploadPageQuery {
  const problems: string[] = [];
  if (state !== undefined && !UPLOAD_STATES.includes(state)) {
    problems.push(`state must be one of ${UPLOAD_STATES.join(', ')}`);
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000) problems.push('limit must be from 1 to 1000');
  if (!Number.isInteger(offset) || offset < 0) problems.push('offset must be a whole number from 0');
  if (problems.length > 0) throw new InvalidUploadError(problems);
  return { state, search, limit, offset, order: 'newest' };
}
