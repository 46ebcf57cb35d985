/** File operations in progress. They can't be cancelled. */
const pendingOperations = new Set<object>();

/**
 * Tracks a file operation, which does not return while its disk hangs.
 * @returns a function to call when the operation has returned
 */
export function trackFileOperation(): () => void {
  const operation = {};
  pendingOperations.add(operation);
  return () => pendingOperations.delete(operation);
}

const exitCallbacks: (() => void)[] = [];

/** Calls `callback` last before this process exits, unless a signal or a crash ends it. */
export function atExit(callback: () => void): void {
  exitCallbacks.push(callback);
  process.once('exit', callback);
}

/**
 * Exits at once. `process.exit` would first wait for each thread that is in a system call: forever when a disk hangs.
 * Replacing this process by another program (execve) ends all threads; the new program only exits.
 */
export function exitProcess(code: number): never {
  if (pendingOperations.size > 0 && process.platform !== 'win32') {
    for (const callback of exitCallbacks) callback();
    process.execve?.(process.execPath, [process.execPath, '-e', `process.exit(${code})`], {});
  }
  process.exit(code);
}
