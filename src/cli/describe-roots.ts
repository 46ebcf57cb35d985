import { printable } from '../base/format.ts';

/**
 * Where files may be that a command enqueues.
 * @param variable what SOURCE_ROOTS is set to, if it is
 */
export function describeRoots(variable: string | undefined): string {
  const set = variable?.trim();
  if (set)
    return `SOURCE_ROOTS=${printable(set)}: files must be inside of that, and inside the workers' SOURCE_ROOTS as well.`;
  return (
    `SOURCE_ROOTS is not set: files must be inside the working directory, ${printable(process.cwd())}, and inside ` +
    "the workers' SOURCE_ROOTS as well."
  );
}
