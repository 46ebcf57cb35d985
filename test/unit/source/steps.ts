import nodeFs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const fs = nodeFs as { -readonly [Name in keyof typeof nodeFs]: (typeof nodeFs)[Name] };

/** The file system calls of openFile. */
const CALLS = ['statSync', 'openSync', 'fstatSync', 'readlinkSync'] as const;

/** @param before called before each file system call of the action, with its number from 0 */
export function inSteps<T>(action: () => T, before: (step: number) => void): T {
  let step = 0;
  let isOwn = false;
  const own = { ...fs };
  const native = fs.realpathSync.native;
  const counted = (call: (...args: never[]) => unknown) =>
    ((...args: never[]) => {
      // Calls of `before` do not count.
      if (isOwn) return call(...args);
      isOwn = true;
      before(step++);
      isOwn = false;
      return call(...args);
    }) as never;
  for (const name of CALLS) fs[name] = counted(own[name]);
  fs.realpathSync.native = counted(native);
  syncBuiltinESMExports();
  try {
    return action();
  } finally {
    for (const name of CALLS) fs[name] = own[name] as never;
    fs.realpathSync.native = native;
    syncBuiltinESMExports();
  }
}
