import type { SlotBounds } from '../../../src/upload/slot-control.ts';
import { SlotMeter } from '../../../src/upload/slot-meter.ts';

/** A worker and its network, in simulated time. */
export interface Line {
  /** From the arrival of a part to its reply. */
  readonly latencyMs: number;
  /** Parts per second that the line brings, one after the other; default: any number. */
  readonly partsPerSecond?: number;
  /** To read a part. */
  readonly readMs?: number;
  /** Parts of an upload, and the time until the next one begins; default: a single upload that never ends. */
  readonly uploadParts?: number;
  readonly pauseMs?: number;
}

/** A part's job comes from the queue, one after the other. */
const FETCH_MS = 1;
const PART_BYTES = 524_288;
/** Latencies differ by up to this share, so that parts do not stay in step. */
const JITTER = 0.1;

/**
 * Sends parts over a line.
 * @param fromMs the time from which parts are counted
 * @returns parts per second while uploads are running, and the number of slots at the end
 */
export function sendOver(
  line: Line,
  bounds: SlotBounds,
  { fromMs = 0, untilMs, random }: { fromMs?: number; untilMs: number; random: () => number },
): { perSecond: number; slots: number } {
  const { latencyMs, partsPerSecond = Number.POSITIVE_INFINITY, readMs = 0, pauseMs = 0 } = line;
  const uploadParts = line.uploadParts ?? Number.POSITIVE_INFINITY;
  const meter = new SlotMeter(bounds);
  const events: { at: number; run: () => void }[] = [];
  const after = (ms: number, run: () => void): void => void events.push({ at: now + ms, run });
  let now = 0;
  /** Parts that are not fetched yet, that wait for a slot, in a slot, and between fetched and replied. */
  let queued = uploadParts;
  let waiting = 0;
  let inSlots = 0;
  let active = 0;
  let isFetching = false;
  let lineFreeAt = 0;
  let counted = 0;
  let pausedMs = 0;

  function fetch(): void {
    // As many as there are slots, and those read ahead.
    if (isFetching || queued === 0 || active >= meter.slots + 1 + Math.floor(meter.slots / 8)) return;
    isFetching = true;
    queued--;
    after(FETCH_MS, () => {
      isFetching = false;
      active++;
      meter.startReading(now);
      after(readMs, () => {
        meter.endReading(now);
        waiting++;
        enter();
      });
      fetch();
    });
  }

  function enter(): void {
    while (waiting > 0 && inSlots < meter.slots) {
      waiting--;
      inSlots++;
      const entry = meter.enter(now);
      lineFreeAt = Math.max(lineFreeAt, now) + 1000 / partsPerSecond;
      after(lineFreeAt - now + latencyMs * (1 + JITTER * (2 * random() - 1)), () => {
        inSlots--;
        active--;
        if (now >= fromMs) counted++;
        meter.leave(entry, { bytes: PART_BYTES }, now);
        if (queued === 0 && active === 0 && !isFetching) pause();
        enter();
        fetch();
      });
    }
  }

  function pause(): void {
    if (now >= fromMs) pausedMs += pauseMs;
    after(pauseMs, () => {
      queued = uploadParts;
      fetch();
    });
  }

  fetch();
  while (now < untilMs) {
    const next = events.reduce((a, b) => (b.at < a.at ? b : a));
    events.splice(events.indexOf(next), 1);
    now = next.at;
    next.run();
  }
  return { perSecond: (counted * 1000) / (now - fromMs - pausedMs), slots: meter.slots };
}
