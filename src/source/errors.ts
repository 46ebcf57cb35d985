import { defined } from '../base/defined.ts';
import { UploaderError } from '../base/errors.ts';

/** Problems with a file to upload; the table below says which are retryable. */
export type SourceErrorCode =
  | 'SOURCE_NOT_FOUND'
  | 'SOURCE_NOT_UTF8'
  | 'SOURCE_NOT_A_FILE'
  | 'SOURCE_EMPTY'
  | 'SOURCE_TOO_LARGE'
  | 'SOURCE_OUTSIDE_ROOTS'
  | 'SOURCE_PERMISSION'
  | 'SOURCE_CHANGED'
  | 'SOURCE_READ_FAILED'
  | 'SOURCE_ROOTS_INVALID';

/** A disk, a mount or a lack of descriptors can recover before a retry; all other problems need a person. */
const RETRYABLE: Readonly<Record<SourceErrorCode, boolean>> = {
  SOURCE_NOT_FOUND: false,
  SOURCE_NOT_UTF8: false,
  SOURCE_NOT_A_FILE: false,
  SOURCE_EMPTY: false,
  SOURCE_TOO_LARGE: false,
  SOURCE_OUTSIDE_ROOTS: false,
  SOURCE_PERMISSION: false,
  SOURCE_CHANGED: false,
  SOURCE_READ_FAILED: true,
  SOURCE_ROOTS_INVALID: false,
};

/**
 * Reasons why a process can't see a file that other machines may see, or this one later: the file or its mount may not be
 * there yet. The most specific one comes first.
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

/** A file can't be uploaded as it is. The message names the file and what to do. */
export class SourceError extends UploaderError {
  declare readonly code: SourceErrorCode;

  constructor(code: SourceErrorCode, message: string, cause?: unknown) {
    super(code, message, { retryable: RETRYABLE[code], ...defined({ cause }) });
  }
}

const MISSING = 'does not exist; check the path, and that this machine sees that directory';
const NOT_UTF8 =
  "has, or leads to, a name that is not valid UTF-8, so this program can't open it: � stands for what is not; rename the file or directory";
const DELETED =
  'was deleted or moved while it was being uploaded, or this machine does not see its directory';
const REFUSED =
  'may not be read by this process; give its user read permission on the file and search permission on the directories above it';

/** Errors of system calls; codes that are not listed are failed reads. */
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
 * The `SourceError` for an error of a file operation; a `SourceError` is returned unchanged.
 * @param existed whether the file existed before, so that a missing file was deleted
 */
export function sourceErrorOf(cause: unknown, path: string, existed = false): SourceError {
  if (cause instanceof SourceError) return cause;
  const { code: errno, message, path: opened = '' } = cause as NodeJS.ErrnoException;
  const [code, words] = BY_ERRNO[errno ?? ''] ?? [
    'SOURCE_READ_FAILED' as const,
    `could not be read: ${message}; check the disk or the mount that holds it`,
  ];
  if (words === MISSING && !existed && hasInvalidUtf8(path, opened)) {
    return new SourceError('SOURCE_NOT_UTF8', `${path} ${NOT_UTF8}`, cause);
  }
  return new SourceError(code, `${path} ${existed && words === MISSING ? DELETED : words}`, cause);
}

/**
 * Whether one of these paths, which do not exist, may have come from a path with bytes that are not valid UTF-8: Node
 * replaces those by �, in arguments and in the targets of links.
 */
export function hasInvalidUtf8(...paths: readonly string[]): boolean {
  return paths.some((path) => path.includes('\ufffd'));
}

/** The file does not have the version that is being uploaded. */
export function changedError(path: string, change: string): SourceError {
  return new SourceError(
    'SOURCE_CHANGED',
    `${path} changed while it was being uploaded: ${change}; upload it again when nothing writes to it any more`,
  );
}

/** The file has fewer bytes than when it was opened. */
export function endedEarlyError(path: string, size: number, end: number): SourceError {
  return changedError(path, `size was ${size} bytes, but it ended after ${end}`);
}
