import { VodUploads } from '../../src/index.ts';

/*
 * An application as a process of its own: `node subscriber.ts REDIS_URL PREFIX CONSUMER [MS]` writes a line for each event
 * that it is told of, and is then at work on it for so many milliseconds.
 */

const [connection = '', prefix = '', consumer = '', ms = '0'] = process.argv.slice(2);
const write = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const deal = async (event: object): Promise<void> => {
  write({ msg: 'event', ...event });
  await new Promise((resolve) => setTimeout(resolve, Number(ms)));
};

const uploads = new VodUploads({ connection, prefix });
uploads.subscribe({
  consumer,
  onCompleted: deal,
  onFailed: deal,
  onError: (error) => write({ msg: 'error', reason: (error as Error).message }),
});
process.on('SIGTERM', () => void uploads.close());
