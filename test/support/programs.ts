import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Whether a program of the machine's is on PATH; tests that need it are skipped where it is not.
 * @throws in CI, where no test may be left out.
 */
export function hasProgram(name: string): boolean {
  const found = (process.env.PATH ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return directory !== '';
    } catch {
      return false;
    }
  });
  if (!found && process.env.CI) throw new Error(`${name} is not on PATH, and in CI it must be`);
  return found;
}
