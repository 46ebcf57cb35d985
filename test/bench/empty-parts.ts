/**
 * A part stage that sends nothing, to measure everything else: takes part jobs, completes them, and reports the progress of
 * their uploads as a worker does. Arguments: Redis URL, prefix. Prints `ready`, and runs until SIGTERM.
 */
import { type Job, Worker } from 'bullmq';
import { PartRefill } from '../../src/flow/fan-out.ts';
import { ProgressWriter } from '../../src/flow/progress-writer.ts';
import { parsePartData } from '../../src/queue/jobs/part.ts';
import { QUEUES } from '../../src/queue/names.ts';
import { openQueues } from '../../src/queue/queues.ts';
import { workerConnection } from '../../src/redis/connection.ts';

const [location = '', prefix = ''] = process.argv.slice(2);
const connection = workerConnection({ location }, () => {});
const queues = openQueues(connection, prefix);
const progress = new ProgressWriter(queues.upload, connection, new PartRefill(queues, connection));
const worker = new Worker(QUEUES.part, async () => {}, { connection, prefix, concurrency: 64 });
worker.on('completed', (job: Job) => {
  const part = parsePartData(job.data);
  progress.partCompleted(part, part.partSize, part.hashed.version.size);
});
await worker.waitUntilReady();
process.stdout.write('ready\n');
process.once('SIGTERM', () => process.exit());
