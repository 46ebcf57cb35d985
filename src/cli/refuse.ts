import { resolve } from 'node:path';
import { printable } from '../base/printable.ts';
import { failureOf } from '../queue/failure.ts';
import { type CliContext, EXIT } from '../terminal/context.ts';
import type { Checked } from './check.ts';
import { isUsageError } from './errors.ts';
import { jsonLine, refusedRecord } from './record.ts';

/** Error of the correct files when other files of the command were wrong. */
const NOT_ENQUEUED = {
  code: 'NOT_ENQUEUED',
  message: 'not enqueued, because another file of the same command was wrong',
  retryable: true,
} as const;

/**
 * Prints every wrong file on standard error and, with `json`, one object for every file on standard output.
 * @returns the exit code; undefined when no file is wrong
 */
export function refuseWrong(
  checked: readonly Checked[],
  { json, context }: { readonly json: boolean; readonly context: CliContext },
): number | undefined {
  const wrong = checked.filter((one) => !one.ok);
  if (wrong.length === 0) return undefined;
  let exitCode: number = EXIT.failed;
  for (const one of checked) {
    const source = one.ok ? one.job.data.source : resolve(one.source);
    const failure = one.ok ? NOT_ENQUEUED : failureOf(one.error);
    if (json) context.out.write(jsonLine(refusedRecord(source, failure)));
    if (one.ok) continue;
    if (isUsageError(failure.code)) exitCode = EXIT.usage;
    // Messages of SOURCE errors contain the path already.
    const path = failure.code.startsWith('SOURCE_') ? '' : `${one.source}: `;
    context.err.write(`vod-upload: ${printable(`${path}${failure.message}`)}\n`);
  }
  if (checked.length > 1) {
    context.err.write(
      `vod-upload: nothing was enqueued: ${wrong.length} of ${checked.length} files are wrong\n`,
    );
  }
  return exitCode;
}

/** Prints the error as JSON for every file. */
export function printRefusals(
  files: readonly string[],
  error: unknown,
  { out }: Pick<CliContext, 'out'>,
): void {
  for (const file of files) out.write(jsonLine(refusedRecord(resolve(file), failureOf(error))));
}
