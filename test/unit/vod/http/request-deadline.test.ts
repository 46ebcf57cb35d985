import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { RequestDeadline } from '../../../../src/vod/http/request-deadline.ts';
import { DEFAULT_TIMEOUTS } from '../../../../src/vod/http/timeouts.ts';
import { TransferStats } from '../../../../src/vod/http/transfer-stats.ts';

const MIB = 1048576;
const KIB = 1024;

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

const pass = (seconds: number): void => void vi.advanceTimersByTime(seconds * 1000);

/** @returns the deadline of a request, and the steps that took too long */
function deadlineOf(stats: TransferStats, { hasBody = true } = {}) {
  const timeouts: string[] = [];
  const onTimeout = (step: string): void => void timeouts.push(step);
  const bodyBytes = hasBody ? MIB : undefined;
  const deadline = new RequestDeadline({ timeouts: DEFAULT_TIMEOUTS, bodyBytes, stats, onTimeout });
  return { deadline, timeouts };
}

/** Sends a piece, which takes this many seconds. */
function send(deadline: RequestDeadline, bytes: number, seconds: number): void {
  deadline.pieceStarted(bytes);
  pass(seconds);
  deadline.pieceSent();
}

describe('a request with a body', () => {
  it('continues as long as its pieces are sent, however long that takes in total', () => {
    const { deadline, timeouts } = deadlineOf(new TransferStats());
    deadline.connected();
    for (let piece = 0; piece < 16; piece++) send(deadline, 64 * KIB, 45);
    expect(timeouts).toEqual([]);
    deadline.end();
    pass(10_000);
    expect(timeouts).toEqual([]);
  });

  it('times out when a piece is not sent', () => {
    const { deadline, timeouts } = deadlineOf(new TransferStats());
    deadline.connected();
    send(deadline, 64 * KIB, 0);
    deadline.pieceStarted(64 * KIB);
    pass(45.9);
    expect(timeouts).toEqual([]);
    pass(0.2);
    expect(timeouts).toEqual(['sending the request']);
    // No other request made progress either.
    expect(deadline.congested).toBe(false);
  });

  it('times out when it progresses too slowly, and is congested', () => {
    const { deadline, timeouts } = deadlineOf(new TransferStats());
    deadline.connected();
    for (let piece = 0; piece < 100; piece++) send(deadline, KIB, 15);
    expect(timeouts).toEqual(['sending the request']);
    expect(deadline.congested).toBe(true);
  });

  it('counts no piece before the connection, which has its own time', () => {
    const { deadline, timeouts } = deadlineOf(new TransferStats());
    deadline.pieceStarted(64 * KIB);
    pass(30);
    deadline.connected();
    pass(40);
    expect(timeouts).toEqual([]);
    pass(10);
    expect(timeouts).toEqual(['sending the request']);
    const { timeouts: never } = deadlineOf(new TransferStats());
    pass(36);
    expect(never).toEqual(['connecting']);
  });

  it('counts no time that it waits for a bandwidth limit', () => {
    const { deadline, timeouts } = deadlineOf(new TransferStats());
    // Longer than connecting may take.
    deadline.pieceWaits();
    pass(1);
    deadline.connected();
    pass(10_000);
    send(deadline, 64 * KIB, 10);
    for (let piece = 0; piece < 15; piece++) {
      deadline.pieceWaits();
      pass(10_000);
      send(deadline, 64 * KIB, 10);
    }
    expect(timeouts).toEqual([]);
    // The rest of 1,054 s.
    for (let piece = 0; piece < 89; piece++) {
      deadline.pieceWaits();
      pass(1);
      send(deadline, KIB, 10);
    }
    expect(timeouts).toEqual([]);
    deadline.pieceStarted(KIB);
    pass(5);
    expect(timeouts).toEqual(['sending the request']);
    expect(deadline.congested).toBe(true);
  });

  it('waits for the reply as long as recent bodies suggest', () => {
    const waitFor = (stats: TransferStats): number => {
      const { deadline, timeouts } = deadlineOf(stats);
      deadline.connected();
      send(deadline, MIB, 0);
      deadline.bodySent();
      let seconds = 0;
      for (; timeouts.length === 0; seconds++) pass(1);
      expect(timeouts).toEqual(['waiting for the reply']);
      return seconds;
    };
    const answered = (stats: TransferStats, seconds: number): void => {
      const { deadline } = deadlineOf(stats);
      deadline.connected();
      send(deadline, MIB, 0);
      deadline.bodySent();
      pass(seconds);
      deadline.replied();
      deadline.end();
    };
    // No body has been answered: all of this one may still be in buffers.
    expect(waitFor(new TransferStats())).toBe(286);
    const small = new TransferStats();
    small.addBody(5, 256 * KIB - 1);
    expect(waitFor(small)).toBe(286);
    const quick = new TransferStats();
    answered(quick, 1);
    expect(waitFor(quick)).toBe(46);
    // A body that timed out counts with the time that it took, times the bodies that may be before the next one.
    expect(waitFor(quick)).toBe(286);
    const slow = new TransferStats();
    answered(slow, 1);
    answered(slow, 20);
    for (let times = 0; times < 31; times++) answered(slow, 1);
    expect(waitFor(slow)).toBe(30 + 8 * 20);
    // 32 bodies ago is too long ago to count.
    const again = new TransferStats();
    answered(again, 20);
    for (let times = 0; times < 32; times++) answered(again, 1);
    expect(waitFor(again)).toBe(46);
  });

  it('no longer times out once the reply has started', () => {
    const { deadline, timeouts } = deadlineOf(new TransferStats());
    deadline.connected();
    send(deadline, MIB, 0);
    deadline.bodySent();
    deadline.replyStarted();
    pass(10_000);
    expect(timeouts).toEqual([]);
  });
});

describe('transfer statistics', () => {
  it('are fast when each of the last 32 bodies took less than 4 s, answered or not', () => {
    const stats = new TransferStats();
    expect(stats.isFast).toBe(false);
    stats.addBody(3999, MIB);
    expect(stats.isFast).toBe(true);
    stats.addBody(4000, MIB);
    for (let times = 0; times < 31; times++) stats.addBody(1, MIB);
    expect(stats.isFast).toBe(false);
    stats.addBody(1, MIB);
    expect(stats.isFast).toBe(true);
  });
});

describe('a request that timed out', () => {
  /** A request that has sent its body and waits for the reply. */
  function waiting(stats: TransferStats) {
    const one = deadlineOf(stats);
    one.deadline.connected();
    send(one.deadline, MIB, 0);
    one.deadline.bodySent();
    return one;
  }

  it('is congested when another was answered after its last progress', () => {
    const stats = new TransferStats();
    const before = deadlineOf(stats);
    before.deadline.connected();
    before.deadline.replied();
    pass(1);
    const { deadline, timeouts } = waiting(stats);
    pass(10);
    expect(deadline.congested).toBe(false);
    deadlineOf(stats, { hasBody: false }).deadline.replied();
    pass(290);
    expect(timeouts).toEqual(['waiting for the reply']);
    expect(deadline.congested).toBe(true);
  });

  it('is congested when another had to wait for its piece, and sent it, long after connecting', () => {
    const stats = new TransferStats();
    const { deadline } = waiting(stats);
    const other = deadlineOf(stats).deadline;
    other.connected();
    // This early it may only have filled buffers.
    send(other, 64 * KIB, 29);
    expect(deadline.congested).toBe(false);
    send(other, 64 * KIB, 20);
    expect(deadline.congested).toBe(true);
    other.end();
  });

  it('is not congested when another only filled buffers', () => {
    const stats = new TransferStats();
    const { deadline } = waiting(stats);
    const other = deadlineOf(stats).deadline;
    other.connected();
    for (let piece = 0; piece < 16; piece++) {
      pass(10);
      send(other, 64 * KIB, 0);
    }
    expect(deadline.congested).toBe(false);
    other.end();
  });

  it('without a body is congested when another was answered since it began', () => {
    const stats = new TransferStats();
    const { deadline, timeouts } = deadlineOf(stats, { hasBody: false });
    deadline.connected();
    pass(94);
    expect(timeouts).toEqual([]);
    expect(deadline.congested).toBe(false);
    deadlineOf(stats, { hasBody: false }).deadline.replied();
    pass(1);
    expect(timeouts).toEqual(['the whole request']);
    expect(deadline.congested).toBe(true);
  });
});
