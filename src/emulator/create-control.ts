import type { Callback } from './after/callback.ts';
import type { MediaUrls } from './after/media-info.ts';
import { type EmulatorControl, parseEvent, sessionsSchema } from './control/control.ts';
import type { EmulatorStats } from './control/stats.ts';
import type { ServerContext } from './create-context.ts';
import type { MultipartUpload } from './state/objects.ts';
import type { StoredFile } from './state/stored-files.ts';

export function createControl(context: ServerContext, callback: Callback): EmulatorControl {
  const { faults, gates, quota, api3Quota, counts, store, events, feed, urlsOf } = context;
  return {
    inject: (fault) => faults.inject(fault),
    clearFaults: () => {
      faults.clear();
      gates.clear();
    },
    openGate: (name, count) => gates.open(name, count),
    gateReached: (name, count) => gates.reached(name, count),
    setQuota({ perSecond = {}, ...limits }) {
      quota.setLimits(limits);
      api3Quota.setLimits(perSecond);
    },
    setSessions(change) {
      const { lifeSeconds, expireAll } = sessionsSchema.parse(change);
      if (lifeSeconds !== undefined) context.settings.sessionLifeSeconds = lifeSeconds;
      if (expireAll) context.sessions.expireAll();
    },
    emit: (event) => {
      const { eventType, data, delayMs = 0, api = 'v2' } = parseEvent(event);
      events.emit(eventType, data, delayMs, api);
    },
    stats: () => ({
      ...counts.snapshot(),
      files: store.files.all().map((file) => fileStats(file, urlsOf(file))),
      openUploads: context.objects.uploads.map(uploadStats),
      events: {
        emitted: events.emitted,
        ...feed.counts,
        pending: feed.pending.length,
        callbacks: callback.counts,
      },
      quotaRefusals: { ...quota.refusals, ...api3Quota.refusals },
      peakPerWindow: { ...quota.peaks, ...api3Quota.peaks },
      faultsUsed: faults.used,
      waitingAtGates: gates.waiting,
    }),
    resetStats: () => {
      counts.reset();
      quota.resetCounts();
      api3Quota.resetCounts();
      faults.resetCounts();
      events.resetCounts();
      feed.resetCounts();
      callback.resetCounts();
    },
  };
}

function fileStats(file: StoredFile, urls: MediaUrls): EmulatorStats['files'][number] {
  const { fileSize, fileName, fileType, dataSize: _, media, ...rest } = file;
  const own = { ...rest, size: fileSize, name: fileName, type: fileType, url: urls.media };
  if (media === undefined) return own;
  const { key, crc64, region, properties } = media;
  const { sourceContext, sessionContext, procedure, expireTime } = properties;
  const context = { sourceContext, sessionContext, procedure, expireTime };
  return { ...own, media: { key, crc64, region, ...context, coverUrl: urls.cover } };
}

function uploadStats({ id, key, parts }: MultipartUpload): EmulatorStats['openUploads'][number] {
  const bytes = [...parts.values()].reduce((sum, part) => sum + part.bytes, 0);
  return { key, uploadId: id, parts: parts.size, bytes };
}
