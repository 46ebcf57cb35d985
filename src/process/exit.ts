/** Operations on files that have not returned. None of them can be ended from outside. */
const unreturned = new Set<object>();

/**
 * Follows an operation on a file, which a disk that hangs keeps for as long as it hangs.
 * @returns to be called when the operation has returned
 */
export function operationBegins(): () => void {
  const operation = {};
  unreturned.add(operation);
  return () => unreturned.delete(operation);
}

const lastActs: (() => void)[] = [];

/** Has something done as the last thing before this process ends, unless a signal or a crash ends it. */
export function atExit(act: () => void): void {
  lastActs.push(act);
  process.once('exit', act);
}

/**
 * Ends this process, now. `process.exit` would first wait for each thread that is in a system call, and so for ever when
 * a disk hangs. A new program in this process's place ends all threads at once; this one does nothing but exit.
 */
export function exitProcess(code: number): never {
  if (unreturned.size > 0 && process.platform !== 'win32') {
    for (const act of lastActs) act();
    process.execve?.(process.execPath, [process.execPath, '-e', `process.exit(${code})`], {});
  }
  process.exit(code);
}
