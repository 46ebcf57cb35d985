import nodeFs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const fs = nodeFs as { -readonly [Name in keyof typeof nodeFs]: (typeof nodeFs)[Name] };

/** The calls that opening a file makes. */
const CALLS = ['statSync', 'openSync', 'fstatSync', 'readlinkSync'] as const;

/** @param before called right before each call on files that the action makes, with its number from 0 on */
export function inSteps<T>(action: () => T, before: (step: number) => void): T {
  let step = 0;
  let isOwn = false;
  const own = { ...fs };
  const native = fs.realpathSync.native;
  const counted = (call: (...args: never[]) => unknown) =>
    ((...args: never[]) => {
      // What `before` does is no step.
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
