import { formatSpan } from '../base/format.ts';
import { SourceError, UNSEEN_CODES, type UnseenCode } from '../source/errors.ts';
import type { Refusal } from './source-refusals.ts';

/** At most this many workers are named. */
const MAX_NAMED = 8;

const PROBLEMS: Readonly<Record<UnseenCode, string>> = {
  SOURCE_EMPTY: 'it is empty',
  SOURCE_PERMISSION: 'its user may not read it',
  SOURCE_NOT_FOUND: 'it does not exist',
  SOURCE_OUTSIDE_ROOTS: 'it is outside of them',
};

/**
 * The failure of an upload whose source no worker sees: names each worker, the directories it may read, and its problem.
 * @param source in words: a path, or what it is of
 */
export function unavailableError(
  source: string,
  refusals: readonly Refusal[],
  waitedMs: number,
): SourceError {
  const code = UNSEEN_CODES.find((candidate) => refusals.some((refusal) => refusal.code === candidate));
  const named = refusals
    .slice(0, MAX_NAMED)
    .map(({ host, pid, roots, code }) =>
      roots === ''
        ? `${host}, pid ${pid}: it has no SOURCE_ROOTS`
        : `${host}, pid ${pid} (SOURCE_ROOTS=${roots}): ${PROBLEMS[code]}`,
    );
  if (refusals.length > MAX_NAMED) named.push(`and ${refusals.length - MAX_NAMED} more`);
  const duration = waitedMs < 1000 ? '' : `, for ${formatSpan(waitedMs)}`;
  return new SourceError(
    code ?? 'SOURCE_NOT_FOUND',
    `${source} can't be read by any worker that has looked${duration}: ${named.join('; ')}; ` +
      'check the path, and the mount and SOURCE_ROOTS of these workers, and retry the upload',
  );
}
