import type { Callback } from './after/callback.ts';
import type { ApiContext } from './api.ts';
import { type EmulatorControl, parseEvent } from './control/control.ts';
import type { EmulatorStats } from './control/stats.ts';
import type { StoredFile } from './state/stored-files.ts';

export function createControl(context: ApiContext, callback: Callback): EmulatorControl {
  const { faults, gates, quota, counts, store, events, feed, urlOf } = context;
  return {
    inject: (fault) => faults.inject(fault),
    clearFaults: () => {
      faults.clear();
      gates.clear();
    },
    openGate: (name, count) => gates.open(name, count),
    gateReached: (name, count) => gates.reached(name, count),
    setQuota: (limits) => quota.setLimits(limits),
    emit: (event) => {
      const { eventType, data, delayMs = 0 } = parseEvent(event);
      events.emit(eventType, data, delayMs);
    },
    stats: () => ({
      ...counts.snapshot(),
      files: store.files.all().map((file) => fileStats(file, urlOf(file))),
      events: {
        emitted: events.emitted,
        ...feed.counts,
        pending: feed.pending.length,
        callbacks: callback.counts,
      },
      quotaRefusals: quota.refusals,
      peakPerWindow: quota.peaks,
      faultsUsed: faults.used,
      waitingAtGates: gates.waiting,
    }),
    resetStats: () => {
      counts.reset();
      quota.resetCounts();
      faults.resetCounts();
      events.resetCounts();
      feed.resetCounts();
      callback.resetCounts();
    },
  };
}

function fileStats(file: StoredFile, url: string): EmulatorStats['files'][number] {
  const { fileSize, fileName, fileType, dataSize: _, ...rest } = file;
  return { ...rest, size: fileSize, name: fileName, type: fileType, url };
}
