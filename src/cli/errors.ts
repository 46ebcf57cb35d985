import { CommanderError } from 'commander';
import { UploaderError } from '../base/errors.ts';
import { printable, printableLines } from '../base/printable.ts';
import { type CliContext, EXIT, Interrupted } from '../terminal/context.ts';

/** Codes of errors that only the user can fix; errors of files (`SOURCE_…`) are added below. */
const USAGE_CODES: ReadonlySet<string> = new Set([
  'CONFIG',
  'INVALID_UPLOAD',
  'INVALID_LIMIT',
  'KEY_CONFLICT',
  'STAGES',
  'NOT_FOUND',
  'NOT_FAILED',
  'EMULATOR_DATA',
  'REDIS_UNFIT',
]);

export function isUsageError(code: string): boolean {
  return USAGE_CODES.has(code) || (code.startsWith('SOURCE_') && code !== 'SOURCE_READ_FAILED');
}

/** Prints the error. @returns the exit code */
export function reportError(error: unknown, { env, err }: Pick<CliContext, 'env' | 'err'>): number {
  // commander has printed its message already; --help and --version are no errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof Interrupted) {
    err.write(`vod-upload: ${printableLines(error.message)}\n`);
    return error.exitCode;
  }
  const debug = /^(debug|trace)$/.test(env.LOG_LEVEL ?? '');
  const stack = debug && error instanceof Error ? `${printableLines(error.stack ?? '')}\n` : '';
  if (error instanceof UploaderError) {
    err.write(`vod-upload: ${printableLines(error.message)}\n${stack}`);
    return isUsageError(error.code) ? EXIT.usage : EXIT.failed;
  }
  const message = printable(error instanceof Error ? error.message : String(error));
  err.write(
    `vod-upload: unexpected error: ${message}${debug ? '' : ' (LOG_LEVEL=debug shows where)'}\n${stack}`,
  );
  return EXIT.failed;
}
