import { parseArgs } from 'node:util';
import { UploaderError } from '../src/base/errors.ts';
import { setAttemptTimeout } from '../src/process/attempt-timeout.ts';
import { exitProcess } from '../src/process/exit.ts';
import { keepHeapSmall } from '../src/process/heap.ts';
import { parseStages } from '../src/queue/names.ts';

/** `node workers/main.js [--stages upload,hash,init,part,finish,transcode,webhook,events]` */
try {
  setAttemptTimeout();
  keepHeapSmall();
  const { values } = parseArgs({ options: { stages: { type: 'string' } } });
  const { loadConfig } = await import('../src/config/config.ts');
  const { runWorker } = await import('./run.ts');
  await runWorker(loadConfig(process.env), parseStages(values.stages));
} catch (error) {
  const usage =
    error instanceof UploaderError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
  process.stderr.write(`${usage ? (error as Error).message : (error as Error).stack}\n`);
  exitProcess(2);
}
