import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Line } from '../../../../src/vod/http/line.ts';
import { RequestWatch } from '../../../../src/vod/http/request-watch.ts';
import { DEFAULT_TIMEOUTS } from '../../../../src/vod/http/timeouts.ts';

const MIB = 1048576;
const KIB = 1024;

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const pass = (seconds: number): void => void vi.advanceTimersByTime(seconds * 1000);

/** @returns a watch of a request, and what it has found too long */
function watched(line: Line, { hasBody = true } = {}) {
  const overdue: string[] = [];
  const onOverdue = (what: string): void => void overdue.push(what);
  const bodyBytes = hasBody ? MIB : undefined;
  return { watch: new RequestWatch({ timeouts: DEFAULT_TIMEOUTS, bodyBytes, line, onOverdue }), overdue };
}

/** The connection takes a piece after so many seconds. */
function take(watch: RequestWatch, bytes: number, seconds: number): void {
  watch.given(bytes);
  pass(seconds);
  watch.taken();
}

describe('a request with a body', () => {
  it('goes on for as long as its pieces are taken, however long that is in all', () => {
    const { watch, overdue } = watched(new Line());
    watch.connected();
    for (let piece = 0; piece < 16; piece++) take(watch, 64 * KIB, 45);
    expect(overdue).toEqual([]);
    watch.end();
    pass(10_000);
    expect(overdue).toEqual([]);
  });

  it('ends when a piece is not taken', () => {
    const { watch, overdue } = watched(new Line());
    watch.connected();
    take(watch, 64 * KIB, 0);
    watch.given(64 * KIB);
    pass(45.9);
    expect(overdue).toEqual([]);
    pass(0.2);
    expect(overdue).toEqual(['sending the request']);
    // Nobody else got on either.
    expect(watch.strained).toBe(false);
  });

  it('ends when it gets on at a snail’s pace, which is the line’s fault', () => {
    const { watch, overdue } = watched(new Line());
    watch.connected();
    for (let piece = 0; piece < 100; piece++) take(watch, KIB, 15);
    expect(overdue).toEqual(['sending the request']);
    expect(watch.strained).toBe(true);
  });

  it('waits for a connection as for itself, and no piece of it counts before', () => {
    const { watch, overdue } = watched(new Line());
    watch.given(64 * KIB);
    pass(30);
    watch.connected();
    pass(40);
    expect(overdue).toEqual([]);
    pass(10);
    expect(overdue).toEqual(['sending the request']);
    const { overdue: never } = watched(new Line());
    pass(36);
    expect(never).toEqual(['connecting']);
  });

  it('gives the reply as long as the bodies before it ask for', () => {
    const waitFor = (line: Line): number => {
      const { watch, overdue } = watched(line);
      watch.connected();
      take(watch, MIB, 0);
      watch.sent();
      let seconds = 0;
      for (; overdue.length === 0; seconds++) pass(1);
      expect(overdue).toEqual(['waiting for the reply']);
      return seconds;
    };
    const answered = (line: Line, seconds: number): void => {
      const { watch } = watched(line);
      watch.connected();
      take(watch, MIB, 0);
      watch.sent();
      pass(seconds);
      watch.answered();
      watch.end();
    };
    // Nobody has been answered: all of it may still be in buffers.
    expect(waitFor(new Line())).toBe(286);
    const small = new Line();
    small.took(5, 256 * KIB - 1);
    expect(waitFor(small)).toBe(286);
    const quick = new Line();
    answered(quick, 1);
    expect(waitFor(quick)).toBe(46);
    // What was given up took at least so long, and so do all that take the line before the next.
    expect(waitFor(quick)).toBe(286);
    const slow = new Line();
    answered(slow, 1);
    answered(slow, 20);
    for (let times = 0; times < 31; times++) answered(slow, 1);
    expect(waitFor(slow)).toBe(30 + 8 * 20);
    // The slow one was 33 ago.
    const again = new Line();
    answered(again, 20);
    for (let times = 0; times < 32; times++) answered(again, 1);
    expect(waitFor(again)).toBe(46);
  });

  it('waits no more once the reply has begun', () => {
    const { watch, overdue } = watched(new Line());
    watch.connected();
    take(watch, MIB, 0);
    watch.sent();
    watch.replied();
    pass(10_000);
    expect(overdue).toEqual([]);
  });
});

describe('a line', () => {
  it('is fast when each of the last 32 bodies took less than 4 s, answered or not', () => {
    const line = new Line();
    expect(line.isFast).toBe(false);
    line.took(3999, MIB);
    expect(line.isFast).toBe(true);
    line.took(4000, MIB);
    for (let times = 0; times < 31; times++) line.took(1, MIB);
    expect(line.isFast).toBe(false);
    line.took(1, MIB);
    expect(line.isFast).toBe(true);
  });
});

describe('a request that timed out', () => {
  /** Two requests that share a line: one has sent all that it has, and waits. */
  function waiting(line: Line) {
    const one = watched(line);
    one.watch.connected();
    take(one.watch, MIB, 0);
    one.watch.sent();
    return one;
  }

  it('is strained when another was answered since it got on', () => {
    const line = new Line();
    const before = watched(line);
    before.watch.connected();
    before.watch.answered();
    pass(1);
    const { watch, overdue } = waiting(line);
    pass(10);
    expect(watch.strained).toBe(false);
    watched(line, { hasBody: false }).watch.answered();
    pass(290);
    expect(overdue).toEqual(['waiting for the reply']);
    expect(watch.strained).toBe(true);
  });

  it('is strained when another had to wait for room, and got it, long after it began', () => {
    const line = new Line();
    const { watch } = waiting(line);
    const other = watched(line).watch;
    other.connected();
    // That may be what a service that is gone leaves between it and us.
    take(other, 64 * KIB, 29);
    expect(watch.strained).toBe(false);
    take(other, 64 * KIB, 20);
    expect(watch.strained).toBe(true);
    other.end();
  });

  it('is not strained when another only filled buffers', () => {
    const line = new Line();
    const { watch } = waiting(line);
    const other = watched(line).watch;
    other.connected();
    for (let piece = 0; piece < 16; piece++) {
      pass(10);
      take(other, 64 * KIB, 0);
    }
    expect(watch.strained).toBe(false);
    other.end();
  });

  it('without a body: when another was answered since it began', () => {
    const line = new Line();
    const { watch, overdue } = watched(line, { hasBody: false });
    watch.connected();
    pass(94);
    expect(overdue).toEqual([]);
    expect(watch.strained).toBe(false);
    watched(line, { hasBody: false }).watch.answered();
    pass(1);
    expect(overdue).toEqual(['the whole request']);
    expect(watch.strained).toBe(true);
  });
});
