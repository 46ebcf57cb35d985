import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * Whether a program is on PATH; tests that need it are skipped otherwise.
 * @throws in CI, where no test may be skipped
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
  if (!found && process.env.CI) throw new Error(`${name} must be on PATH in CI`);
  return found;
}
