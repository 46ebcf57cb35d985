import { type Logger, pino } from 'pino';
import { default as pretty } from 'pino-pretty';

export type { Logger } from 'pino';

export type LogFormat = 'json' | 'pretty';
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Fields that must never be written, wherever they turn up. The second line of defence: nothing logs them on purpose. */
const REDACTED = ['secretKey', 'secretId', 'Signature', 'SecretId', 'password'];

/** A logger that writes JSON lines, or readable ones, to standard error, so that standard output stays the program's own. */
export function createLogger(options: { level: LogLevel; format: LogFormat }): Logger {
  const settings = {
    level: options.level,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: { paths: [...REDACTED, ...REDACTED.map((name) => `*.${name}`)], censor: '[redacted]' },
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const stream =
    options.format === 'pretty'
      ? pretty({
          destination: 2,
          sync: true,
          ignore: 'pid',
          singleLine: true,
          translateTime: 'SYS:HH:MM:ss.l',
        })
      : pino.destination({ dest: 2, sync: true });
  return pino(settings, stream);
}
