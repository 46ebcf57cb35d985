import { expect, test } from 'vitest';
import { TimeZone } from '../../../src/limits/time-zone.ts';

const HOUR_MS = 3_600_000;
const at = (text: string): number => Date.parse(text);

test.each([
  ['UTC', '2026-07-01T00:00Z', 0],
  ['Europe/Berlin', '2026-01-01T00:00Z', 1],
  ['Europe/Berlin', '2026-07-01T00:00:59.999Z', 2],
  ['Asia/Kathmandu', '2026-07-01T00:00Z', 5.75],
  ['America/New_York', '2026-12-31T23:59:59.500Z', -5],
  ['America/New_York', '1969-12-31T23:59:59.500Z', -5],
])('%s is at %s ahead by %f h', (name, text, hours) => {
  expect(new TimeZone(name).offsetMs(at(text))).toBe(hours * HOUR_MS);
});

test.each([
  ['Europe/Berlin', '2026-03-28T12:00Z', '2026-03-29T12:00Z', '2026-03-29T01:00Z'],
  ['Europe/Berlin', '2026-10-25T00:59:59.999Z', '2026-10-25T01:00Z', '2026-10-25T01:00Z'],
  ['Africa/Cairo', '2026-04-23T12:00:00.001Z', '2026-04-24T12:00Z', '2026-04-23T22:00Z'],
  ['Australia/Lord_Howe', '2026-04-04T00:00Z', '2026-04-05T00:00Z', '2026-04-04T15:00Z'],
])('%s changes its clocks between %s and %s', (name, from, to, change) => {
  const zone = new TimeZone(name);
  expect(new Date(zone.clockChange(at(from), at(to)) ?? 0)).toEqual(new Date(change));
});

test.each([
  ['Europe/Berlin', '2026-03-29T01:00Z', '2026-10-25T00:59Z'],
  ['UTC', '2026-01-01T00:00Z', '2026-12-31T00:00Z'],
])('%s does not change its clocks after %s up to %s', (name, from, to) => {
  expect(new TimeZone(name).clockChange(at(from), at(to))).toBeUndefined();
});

test.each(['', 'Europe/Berlim', 'nowhere', '\u001b[2J'])('there is no time zone %j', (name) => {
  expect(() => new TimeZone(name)).toThrow(
    `there is no time zone "${name}"; it must be a name such as Europe/Berlin, Asia/Shanghai or UTC`,
  );
});
