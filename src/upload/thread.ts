import { Worker } from 'node:worker_threads';

/**
 * Starts a thread whose body is another module of this folder.
 * @param onExit told when it has ended, with what it died of, if anything
 */
export function startThread(name: string, onExit: (cause: unknown) => void): Worker {
  // The compiler rewrites the extensions of imports, not of this.
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  // No flags of this process: some (--input-type, --inspect) make no sense for a thread.
  const thread = new Worker(new URL(`./${name}.${extension}`, import.meta.url), { execArgv: [] });
  let cause: unknown;
  thread.on('error', (error) => {
    cause = error;
  });
  thread.on('exit', () => onExit(cause));
  return thread;
}
