import type { Failure } from '../../queue/failure.ts';

const RESUMES = 'Only what VOD does not have yet is sent.';

/** What to do next about failures of a kind, where their own words do not say it. */
const ADVICE: Readonly<Record<string, string>> = {
  CANCELLED: `Somebody cancelled it. Retry takes it up again. ${RESUMES}`,
  STALLED:
    'Look at the logs and the memory of the workers first: it may be this upload that ends them. Then retry it.',
  INTERNAL:
    'Nobody planned for this. Look for the upload’s id in the logs of the workers, and then retry it.',
  INVALID_JOB:
    'Something else than this version wrote its job, so a retry can’t help: enqueue the file again.',
  SOURCE_CHANGED: 'Wait until nothing writes to the file any more, and retry it: it is hashed anew.',
  SOURCE_NOT_UTF8:
    'Rename the file or directory, and enqueue the file by its new name: a retry looks for it by the old one.',
  TRANSCODE_TIMEOUT:
    'See that a worker with --stages events runs, or that VOD calls EVENT_CALLBACK_PATH back, and retry it. Nothing is sent again.',
  TRANSCODE_FAILED:
    'VOD has the video and could not transcode it. A retry has it tried again, and sends nothing.',
  FINISH_UNRESOLVED: `Retry it: its SHA-1 is computed again, and VOD is asked again what it has. ${RESUMES}`,
};

/** What to do next about a failure. */
export function adviceFor({ code, retryable }: Failure): string {
  const known = ADVICE[code];
  if (known !== undefined) return known;
  if (retryable) return `It can succeed with nothing else changed: retry it. ${RESUMES}`;
  if (code.startsWith('SOURCE_')) return 'Put the file where the workers can read it, and retry it.';
  return `Mend what the reason names, and then retry it. ${RESUMES}`;
}
