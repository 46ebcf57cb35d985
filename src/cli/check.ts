import type { UploadJob } from '../client/upload-options.ts';
import type { UploadOptions } from '../index.ts';

/** What became of checking one file: the job that it would be, or why it can't be one. */
export type Checked =
  | { readonly ok: true; readonly job: UploadJob }
  | { readonly ok: false; readonly source: string; readonly error: unknown };

/** So many files are looked at at a time. */
const CHECKS_AT_A_TIME = 32;

/** Checks all files as `VodUploads.add` would, but goes on after a wrong one, so that all of them can be named. */
export async function checkAll(
  many: readonly UploadOptions[],
  roots: readonly string[] | undefined,
  allowPrivateWebhooks: boolean,
): Promise<Checked[]> {
  const { toUploadJob } = await import('../client/upload-options.ts');
  const check = async (options: UploadOptions): Promise<Checked> => {
    try {
      return { ok: true, job: await toUploadJob(options, roots, allowPrivateWebhooks) };
    } catch (error) {
      return { ok: false, source: options.source, error };
    }
  };
  const checked: Checked[] = [];
  for (let from = 0; from < many.length; from += CHECKS_AT_A_TIME) {
    checked.push(...(await Promise.all(many.slice(from, from + CHECKS_AT_A_TIME).map(check))));
  }
  return checked;
}
