import type { UploadJob, WorkerRules } from '../client/upload-job.ts';
import type { UploadOptions } from '../index.ts';

/** Result of checking one file: its job, or the error. */
export type Checked =
  | { readonly ok: true; readonly job: UploadJob }
  | { readonly ok: false; readonly source: string; readonly error: unknown };

/** Number of files checked at the same time. */
const CONCURRENCY = 32;

/** Checks all files as `VodUploads.add` does, but continues after an error, so that every wrong file is reported. */
export async function checkAll(many: readonly UploadOptions[], rules: WorkerRules): Promise<Checked[]> {
  const { toUploadJob } = await import('../client/upload-job.ts');
  const check = async (options: UploadOptions): Promise<Checked> => {
    try {
      return { ok: true, job: await toUploadJob(options, rules) };
    } catch (error) {
      return { ok: false, source: options.source, error };
    }
  };
  const checked: Checked[] = [];
  for (let from = 0; from < many.length; from += CONCURRENCY) {
    checked.push(...(await Promise.all(many.slice(from, from + CONCURRENCY).map(check))));
  }
  return checked;
}
