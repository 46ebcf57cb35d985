import type { Redis } from 'ioredis';

/** Sends all commands of one turn of the event loop in one write: a system call per command is the largest cost. */
export function batchWrites(connection: Redis): Redis {
  return connection.on('connect', () => {
    const { stream } = connection;
    const write = stream.write.bind(stream) as (...args: unknown[]) => boolean;
    const flush = (): void => stream.uncork();
    stream.write = (...args: unknown[]): boolean => {
      if (stream.writableCorked === 0) {
        stream.cork();
        process.nextTick(flush);
      }
      return write(...args);
    };
  });
}
