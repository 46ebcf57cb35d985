import { printable } from '../base/printable.ts';

/**
 * Says in which directories files may be.
 * @param variable the value of SOURCE_ROOTS
 */
export function describeRoots(variable: string | undefined): string {
  const set = variable?.trim();
  if (set)
    return `SOURCE_ROOTS=${printable(set)}: files must be inside these directories, and inside the workers' SOURCE_ROOTS.`;
  return (
    `SOURCE_ROOTS is not set: files must be inside the working directory, ${printable(process.cwd())}, and inside ` +
    "the workers' SOURCE_ROOTS."
  );
}
