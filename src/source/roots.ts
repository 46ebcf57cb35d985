import { realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { hasInvalidUtf8, SourceError } from './errors.ts';
import { queueFileCalls } from './libuv-queue.ts';

/**
 * The directories that uploads may come from, as absolute paths without symbolic links. Resolved once, at the start. `/`
 * allows every file.
 * @param directories the entries of the variable SOURCE_ROOTS, relative to `cwd`; undefined: only `cwd`
 * @throws {SourceError} SOURCE_ROOTS_INVALID, naming every entry that is not a directory or whose disk hangs
 */
export async function resolveRoots(
  directories: readonly string[] | undefined,
  cwd: string,
): Promise<string[]> {
  const roots = new Set<string>();
  const problems: string[] = [];
  for (const entry of directories ?? [cwd]) {
    const problem = await addRoot(roots, entry, cwd);
    if (problem !== undefined) problems.push(problem);
  }
  if (problems.length > 0) {
    throw new SourceError(
      'SOURCE_ROOTS_INVALID',
      `SOURCE_ROOTS must name existing directories, joined by colons: ${problems.join('; ')}`,
    );
  }
  return [...roots];
}

/** @returns the problem with the entry, if there is one */
async function addRoot(roots: Set<string>, entry: string, cwd: string): Promise<string | undefined> {
  if (entry === '') return 'an entry is empty';
  try {
    const path = resolve(cwd, entry);
    const { root, stats } = await queueFileCalls(path, async () => {
      const root = await realpath(path);
      return { root, stats: await stat(root) };
    });
    if (!stats.isDirectory()) return `${entry} is not a directory`;
    roots.add(root);
    return undefined;
  } catch (error) {
    const { code, message, path: opened = '' } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') return `${entry} can't be used (${message})`;
    return hasInvalidUtf8(entry, opened)
      ? `${entry} has, or leads to, a name that is not valid UTF-8, where there is a �`
      : `${entry} does not exist`;
  }
}
