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

/** Fields that are never written, at any depth. A second line of defence: nothing logs them on purpose. */
const REDACTED_FIELDS = [
  ...['secretId', 'SecretId', 'secretKey', 'SecretKey', 'Signature'],
  ...['password', 'sentinelPassword', 'secrets', 'callbackPath', 'authorization', 'Authorization', 'cookie'],
];

/** The secrets in signed URLs, and in the URLs of Redis and of proxies: user and password are all before the last @. */
const SIGNATURE = /\b(Signature|SecretId)=[^&\s"'\\#]+/g;
const USER_INFO = /\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#"'\\]+@/gi;

/**
 * @param fields names of letters, digits and _
 * @returns a function that replaces the values of these fields in a JSON line, at any depth
 */
function fieldRedactor(fields: readonly string[]): (line: string) => string {
  const names = new Set(fields);
  const anyName = new RegExp(`"(?:${[...names].join('|')})":`);
  return (line) => {
    if (!anyName.test(line)) return line;
    const redacted = JSON.parse(line, (name, value: unknown) => (names.has(name) ? '[redacted]' : value));
    return `${JSON.stringify(redacted)}\n`;
  };
}

/** The third line of defence: replaces the secrets in the URLs of a line. */
export function redactUrls(line: string): string {
  const unsigned = line.includes('=') ? line.replace(SIGNATURE, '$1=[redacted]') : line;
  return unsigned.includes('@') ? unsigned.replace(USER_INFO, '$1[redacted]@') : unsigned;
}

/** The part of the configuration that concerns the log. */
export interface LogOptions {
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** Names of more fields whose values are not written; of letters, digits and _. */
  readonly logRedact: readonly string[];
}

/**
 * Creates a logger that writes JSON or pretty lines to standard error; standard output is for the program's results. It
 * never blocks: lines that nobody reads are dropped, and a line reports their number when lines are read again.
 */
export function createLogger(options: LogOptions): Logger {
  const redactFields = fieldRedactor([...REDACTED_FIELDS, ...options.logRedact]);
  const pretty = options.logFormat === 'pretty' || (options.logFormat === 'auto' && process.stderr.isTTY);
  // The hook gets JSON in both formats. Not printableJson for pretty lines: pino-pretty would decode its escapes.
  const escapeUnprintable = pretty ? printableLines : printableJson;
  const settings = {
    level: options.logLevel,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    hooks: { streamWrite: (line: string) => escapeUnprintable(redactUrls(redactFields(line))) },
  };
  const writer = standardErrorWriter((dropped) =>
    log.warn({ lines: dropped }, 'log lines were dropped: nobody read them'),
  );
  const format = pretty
    ? prettyFactory({ ignore: 'pid', singleLine: true, translateTime: 'SYS:HH:MM:ss.l' })
    : (line: string) => line;
  const log = pino(settings, { write: (line) => writer.write(format(line)) });
  return log;
}

/** BullMQ prints this for each of its connections; the check at the start logs it once, with what to do. */
const LOGGED_ALREADY = /^IMPORTANT! Eviction policy is/;

/**
 * Redirects what libraries print with `console` to the log, so that every line of a worker is a log line. BullMQ and
 * ioredis sometimes print.
 */
export function redirectConsole(log: Logger): void {
  const print =
    (level: 'debug' | 'warn') =>
    (...words: unknown[]): void => {
      const text = words.map((word) => (word instanceof Error ? word.message : String(word))).join(' ');
      if (!LOGGED_ALREADY.test(text)) log[level]({ text }, 'a library printed');
    };
  const quiet = print('debug');
  const loud = print('warn');
  Object.assign(globalThis.console, { debug: quiet, log: quiet, info: quiet, warn: loud, error: loud });
}
