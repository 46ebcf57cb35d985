import { type Logger, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { printableJson, printableLines } from '../base/printable.ts';
import { standardErrorWriter } from './standard-error.ts';

export type { Logger } from 'pino';

export const LOG_FORMATS = ['auto', 'json', 'pretty'] as const;
/** `auto`: pretty on a terminal, JSON elsewhere. */
export type LogFormat = (typeof LOG_FORMATS)[number];
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Fields that must never be written, wherever they turn up. The second line of defence: nothing logs them on purpose. */
const REDACTED = [
  ...['secretId', 'SecretId', 'secretKey', 'SecretKey', 'Signature'],
  ...['password', 'sentinelPassword', 'secrets', 'callbackPath', 'authorization', 'Authorization', 'cookie'],
];

/** What a signed URL, or the URL of a Redis or a proxy, gives away; what is before the last @ is user and password. */
const SIGNED = /\b(Signature|SecretId)=[^&\s"'\\#]+/g;
const USER_INFO = /\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#"'\\]+@/gi;

/** Takes the values of fields of these names out of a JSON line that is about to be written, however deep they are. */
function redactFields(line: string, names: ReadonlySet<string>): string {
  const isThere = [...names].some((name) => line.includes(`"${name}":`));
  if (!isThere) return line;
  const hidden = JSON.parse(line, (name, value: unknown) => (names.has(name) ? '[redacted]' : value));
  return `${JSON.stringify(hidden)}\n`;
}

/** The third: takes the secrets out of URLs in such a line. */
export function redactUrls(line: string): string {
  const unsigned = line.includes('=') ? line.replace(SIGNED, '$1=[redacted]') : line;
  return unsigned.includes('@') ? unsigned.replace(USER_INFO, '$1[redacted]@') : unsigned;
}

/** As a configuration has them. */
export interface LogOptions {
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** Names of more fields whose values are not written. */
  readonly logRedact: readonly string[];
}

/**
 * A logger that writes JSON lines, or readable ones, to standard error, so that standard output stays the program's own.
 * It never waits for whoever reads them: lines that nobody reads are dropped, and their number is a line when they are
 * read again.
 */
export function createLogger(options: LogOptions): Logger {
  const hidden = new Set([...REDACTED, ...options.logRedact]);
  const readable = options.logFormat === 'pretty' || (options.logFormat === 'auto' && process.stderr.isTTY);
  // A line is JSON up to here; pino-pretty reads the escapes of JSON back.
  const steady = readable ? printableLines : printableJson;
  const settings = {
    level: options.logLevel,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    hooks: { streamWrite: (line: string) => steady(redactUrls(redactFields(line, hidden))) },
  };
  const lines = standardErrorWriter((dropped) =>
    log.warn({ lines: dropped }, 'log lines were dropped: nobody read them'),
  );
  const toText = readable
    ? prettyFactory({ ignore: 'pid', singleLine: true, translateTime: 'SYS:HH:MM:ss.l' })
    : (line: string) => line;
  const log = pino(settings, { write: (line) => lines.write(toText(line)) });
  return log;
}

/** BullMQ prints this of each of its connections; the check at the start has told it once, with what to do. */
const TOLD_ALREADY = /^IMPORTANT! Eviction policy is/;

/**
 * What libraries print with `console` becomes lines of the log, so that every line of a worker is one.
 * BullMQ and ioredis do so at times.
 */
export function redirectConsole(log: Logger): void {
  const print =
    (level: 'debug' | 'warn') =>
    (...words: unknown[]): void => {
      const text = words.map((word) => (word instanceof Error ? word.message : String(word))).join(' ');
      if (!TOLD_ALREADY.test(text)) log[level]({ text }, 'a library printed');
    };
  const quiet = print('debug');
  const loud = print('warn');
  Object.assign(globalThis.console, { debug: quiet, log: quiet, info: quiet, warn: loud, error: loud });
}
