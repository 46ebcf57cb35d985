import { once } from 'node:events';
import { VodUploads } from '../../src/index.ts';

/*
 * An application process: `node subscriber.ts REDIS_URL PREFIX CONSUMER [waits]` prints a line per received event. With
 * `waits`, processing an event ends only when there is input on standard input.
 */

const [connection = '', prefix = '', consumer = '', waits] = process.argv.slice(2);
const write = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const onEvent = async (event: object): Promise<void> => {
  write({ msg: 'event', ...event });
  if (waits === 'waits') await once(process.stdin, 'data');
};

const uploads = new VodUploads({ connection, prefix });
uploads.subscribe({
  consumer,
  onCompleted: onEvent,
  onFailed: onEvent,
  onError: (error) => write({ msg: 'error', reason: (error as Error).message }),
});
process.on('SIGTERM', () => void uploads.close());
