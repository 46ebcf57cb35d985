import type { Failure } from '../../queue/failure.ts';

const RESUMES = 'Only what VOD does not have yet is sent.';

/** What to do about a failure, by code, where its message does not say it. */
const ADVICE: Readonly<Record<string, string>> = {
  CANCELLED: `It was cancelled. A retry continues it. ${RESUMES}`,
  STALLED: 'Check the logs and the memory of the workers first: this upload may crash them. Then retry it.',
  INTERNAL: 'An unexpected error. Search the logs of the workers for the upload’s id, and then retry it.',
  INVALID_JOB: 'Its job was not written by this version, so a retry can’t help: add the file again.',
  SOURCE_CHANGED: 'Wait until nothing writes to the file any more, and retry it: the file is hashed again.',
  SOURCE_NOT_UTF8:
    'Rename the file or directory, and add the file by its new name: a retry would use the old one.',
  TRANSCODE_TIMEOUT:
    'Make sure that a worker with --stages events runs, or that VOD calls EVENT_CALLBACK_PATH, and retry it. Nothing is sent again.',
  TRANSCODE_FAILED:
    'VOD has the video but could not transcode it. A retry transcodes it again, and sends nothing.',
  PART_DIFFERS:
    'Other bytes arrived than were read. Check the memory of the workers and any proxy in between, and retry it.',
  COMMIT_UNKNOWN:
    'VOD may have the video: look for its name in VOD’s console. A retry looks for it as well, and sends the file again only if it finds none.',
  FINISH_UNRESOLVED: `Retry it: VOD is asked again what it has, with v2 by a SHA-1 that is computed again. ${RESUMES}`,
};

/** What to do next about a failure. */
export function adviceFor({ code, retryable }: Failure): string {
  const known = ADVICE[code];
  if (known !== undefined) return known;
  if (retryable) return `Retry it: it can succeed without any change. ${RESUMES}`;
  if (code.startsWith('SOURCE_')) return 'Put the file where the workers can read it, and retry it.';
  return `Fix what the reason says, and then retry it. ${RESUMES}`;
}
