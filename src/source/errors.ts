import { UploaderError } from '../base/errors.ts';

/** Everything that can be wrong with a file to upload; see the table below for which of it may pass. */
export type SourceErrorCode =
  | 'SOURCE_NOT_FOUND'
  | 'SOURCE_NOT_UTF8'
  | 'SOURCE_NOT_A_FILE'
  | 'SOURCE_EMPTY'
  | 'SOURCE_OUTSIDE_ROOTS'
  | 'SOURCE_PERMISSION'
  | 'SOURCE_CHANGED'
  | 'SOURCE_READ_FAILED'
  | 'SOURCE_ROOTS_INVALID';

/** A retry can mend a disk, a mount or a shortage of descriptors; all the rest waits for a person. */
const RETRYABLE: Readonly<Record<SourceErrorCode, boolean>> = {
  SOURCE_NOT_FOUND: false,
  SOURCE_NOT_UTF8: false,
  SOURCE_NOT_A_FILE: false,
  SOURCE_EMPTY: false,
  SOURCE_OUTSIDE_ROOTS: false,
  SOURCE_PERMISSION: false,
  SOURCE_CHANGED: false,
  SOURCE_READ_FAILED: true,
  SOURCE_ROOTS_INVALID: false,
};

/**
 * Why a process does not see a file that other machines may see, or this one a moment later: the file or its mount may be
 * on its way. The one that tells most of the file comes first.
 */
export const UNSEEN_CODES = [
  'SOURCE_EMPTY',
  'SOURCE_PERMISSION',
  'SOURCE_NOT_FOUND',
  'SOURCE_OUTSIDE_ROOTS',
] as const;

export type UnseenCode = (typeof UNSEEN_CODES)[number];

export function isUnseen(code: string): code is UnseenCode {
  return (UNSEEN_CODES as readonly string[]).includes(code);
}

/** A file that can't be uploaded as it is. The message names the file and what to do about it. */
export class SourceError extends UploaderError {
  declare readonly code: SourceErrorCode;

  constructor(code: SourceErrorCode, message: string, cause?: unknown) {
    super(code, message, { retryable: RETRYABLE[code], ...(cause === undefined ? {} : { cause }) });
  }
}

const MISSING = 'does not exist; check the path, and that this machine sees that directory';
const NOT_UTF8 =
  "has, or leads to, a name that is not valid UTF-8, so this program can't open it: � stands for what is not; rename the file or directory";
const DELETED =
  'was deleted or moved while it was being uploaded, or this machine does not see its directory';
const REFUSED =
  'may not be read by this process; give its user read permission on the file and search permission on the directories above it';

/** What a system call's error means for the file; codes that are not listed are failed reads. */
const BY_ERRNO: Readonly<Record<string, readonly [code: SourceErrorCode, words: string]>> = {
  ENOENT: ['SOURCE_NOT_FOUND', MISSING],
  ENOTDIR: ['SOURCE_NOT_FOUND', MISSING],
  ENAMETOOLONG: ['SOURCE_NOT_FOUND', 'does not exist: the path is too long'],
  ELOOP: ['SOURCE_NOT_FOUND', 'does not exist: its symbolic links go round in a circle'],
  EACCES: ['SOURCE_PERMISSION', REFUSED],
  EPERM: ['SOURCE_PERMISSION', REFUSED],
  EMFILE: ['SOURCE_READ_FAILED', 'could not be opened: too many open files; raise the limit (ulimit -n)'],
  ENFILE: ['SOURCE_READ_FAILED', 'could not be opened: this machine has too many open files'],
};

/**
 * The `SourceError` for whatever a file operation threw; a `SourceError` stays as it is.
 * @param known the file has been seen before, so that its absence means that it was deleted meanwhile
 */
export function sourceErrorOf(cause: unknown, path: string, known = false): SourceError {
  if (cause instanceof SourceError) return cause;
  const { code: errno, message, path: opened = '' } = cause as NodeJS.ErrnoException;
  const [code, words] = BY_ERRNO[errno ?? ''] ?? [
    'SOURCE_READ_FAILED' as const,
    `could not be read: ${message}; check the disk or the mount that holds it`,
  ];
  if (words === MISSING && !known && isDecodedWrongly(path, opened)) {
    return new SourceError('SOURCE_NOT_UTF8', `${path} ${NOT_UTF8}`, cause);
  }
  return new SourceError(code, `${path} ${known && words === MISSING ? DELETED : words}`, cause);
}

/**
 * Whether one of these paths, where there is nothing, is another one's that has bytes which are no UTF-8: Node puts � in
 * their place, in arguments and in what it says of links and directories.
 */
export function isDecodedWrongly(...paths: readonly string[]): boolean {
  return paths.some((path) => path.includes('\ufffd'));
}

/** A file that is not, or no longer, the version that this upload is made of. */
export function changedError(path: string, what: string): SourceError {
  return new SourceError(
    'SOURCE_CHANGED',
    `${path} changed while it was being uploaded: ${what}; upload it again when nothing writes to it any more`,
  );
}

/** A file that has fewer bytes than it had when it was opened. */
export function endedEarlyError(path: string, size: number, end: number): SourceError {
  return changedError(path, `size was ${size} bytes, but it ended after ${end}`);
}
