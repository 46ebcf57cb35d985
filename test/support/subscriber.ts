import { once } from 'node:events';
import { VodUploads } from '../../src/index.ts';

/*
 * An application as a process of its own: `node subscriber.ts REDIS_URL PREFIX CONSUMER [waits]` writes a line for each
 * event that it is told of, and with `waits` is then at work on it until it is told something on its standard input.
 */

const [connection = '', prefix = '', consumer = '', waits] = process.argv.slice(2);
const write = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const deal = async (event: object): Promise<void> => {
  write({ msg: 'event', ...event });
  if (waits === 'waits') await once(process.stdin, 'data');
};

const uploads = new VodUploads({ connection, prefix });
uploads.subscribe({
  consumer,
  onCompleted: deal,
  onFailed: deal,
  onError: (error) => write({ msg: 'error', reason: (error as Error).message }),
});
process.on('SIGTERM', () => void uploads.close());
