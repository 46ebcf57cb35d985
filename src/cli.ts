#!/usr/bin/env node
import { setAttemptTimeout } from './process/attempt-timeout.ts';
import { exitProcess } from './process/exit.ts';
import { keepHeapSmall } from './process/heap.ts';

setAttemptTimeout();
keepHeapSmall();

// A closed pipe (`vod-upload list | head`) is no error.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    exitProcess(0);
  });
}

const { runCli } = await import('./cli/run.ts');
const exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  out: process.stdout,
  err: process.stderr,
});
// Flushes the output, then exits even if timers or connections are left.
process.stdout.write('', () => process.stderr.write('', () => exitProcess(exitCode)));
