import { AsyncLocalStorage, createHook } from 'node:async_hooks';

/** @param before called right before each operation on files that the action begins, with its number from 0 on */
export async function inSteps<T>(action: () => Promise<T>, before: (step: number) => void): Promise<T> {
  const own = new AsyncLocalStorage<true>();
  let step = 0;
  const hook = createHook({
    init(_id, type) {
      if (type === 'FSREQPROMISE' && own.getStore()) before(step++);
    },
  });
  hook.enable();
  try {
    return await own.run(true, action);
  } finally {
    hook.disable();
  }
}
