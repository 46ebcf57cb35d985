import { InvalidArgumentError } from 'commander';
import { MAX_PART_BYTES, MIN_PART_BYTES } from '../upload/plan.ts';

/*
 * Parsers of option values. They throw InvalidArgumentError with the rule; commander adds the option's name.
 */

const BYTES_PER_UNIT: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** `512k`, `1m`, `2g` (also `512KiB`, `1MB`, units are multiples of 1,024) or the number of bytes. */
export function parsePartSize(text: string): number {
  const [, number, unit = ''] = /^(\d{1,10})(?:([kmg])(?:i?b)?)?$/i.exec(text) ?? [];
  const size = Number(number) * (BYTES_PER_UNIT[unit.toLowerCase()] ?? Number.NaN);
  if (size >= MIN_PART_BYTES && size <= MAX_PART_BYTES) return size;
  throw new InvalidArgumentError('It must be a size from 512k to 5g, such as 16m; a plain number is bytes.');
}

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `500ms`, `10s`, `5m`, `2h`, `1.5h`, `1d`; a plain number is seconds. @returns milliseconds. */
export function parseDuration(text: string): number {
  const [, amount, unit = 's'] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(text) ?? [];
  const ms = Math.round(Number(amount) * (MS_PER_UNIT[unit] ?? Number.NaN));
  if (!Number.isSafeInteger(ms)) {
    throw new InvalidArgumentError(
      'It must be a time such as 500ms, 10s, 5m or 2h; a plain number is seconds.',
    );
  }
  return ms;
}

/** A time from now with a unit, such as `30d`, or a time in ISO 8601, which is checked later. */
export function parseExpiry(text: string): Date | string {
  if (/^\d{4}-\d\d-\d\dT/.test(text)) return text;
  const expiry = /^[\d.]+(ms|[smhd])$/.test(text) ? new Date(Date.now() + parseDuration(text)) : undefined;
  if (expiry !== undefined && !Number.isNaN(expiry.getTime())) return expiry;
  throw new InvalidArgumentError(
    'It must be a time from now such as 12h or 30d, or a time such as 2031-01-01T00:00:00Z.',
  );
}

export function parseWholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.');
  return Number(text);
}

export function parsePort(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) {
    throw new InvalidArgumentError('It must be a port from 0 to 65535; 0 is any free port.');
  }
  return Number(text);
}

export function parseHttpUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new InvalidArgumentError('It must be an http or https URL.');
  }
  return text;
}

/** For options that can be given more than once. */
export function collect(text: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, text];
}
