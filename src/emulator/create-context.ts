import fs from 'node:fs';
import path from 'node:path';
import { UploaderError } from '../base/errors.ts';
import { Callback } from './after/callback.ts';
import { Events } from './after/events.ts';
import { Feed } from './after/feed.ts';
import type { ApiContext } from './api.ts';
import { Faults } from './control/faults.ts';
import { Gates } from './control/gates.ts';
import { RequestCounts } from './control/stats.ts';
import { playbackPath } from './http/playback.ts';
import type { EmulatorOptions } from './options.ts';
import { AccessRules } from './protocol/access.ts';
import { Quota } from './protocol/quota.ts';
import { systemSleep } from './sleep.ts';
import { Store } from './state/store.ts';
import type { StoredFile } from './state/stored-files.ts';

/**
 * Loads the state, and schedules the callbacks of future events.
 *
 * @param publicUrl known once the server listens
 * @throws {UploaderError} `EMULATOR_DATA` when `dataDir` is unusable
 */
export function createContext(
  options: EmulatorOptions,
  publicUrl: () => string,
  signal: AbortSignal,
): { readonly context: ApiContext; readonly callback: Callback } {
  const { clock = Date.now, sleep = systemSleep, log = () => undefined } = options;
  const { dataDir, quotaWindowMs = 60_000, callbackUrl, transcodeMs = 1000 } = options;
  const second = quotaWindowMs / 60;
  const urlOf = (file: StoredFile): string => `${publicUrl()}${playbackPath(file)}`;
  const callback = new Callback({ url: callbackUrl, pauseMs: second, clock, sleep, signal, log });
  const faults = new Faults();
  const { store, feed, events } = openState(dataDir, (file) => {
    const feed = new Feed({ file, holdMs: 5 * second, redeliverMs: 30 * second, clock, sleep });
    const onEvent = callback.schedule.bind(callback);
    return { feed, events: new Events({ feed, faults, transcodeMs, clock, urlOf, onEvent }) };
  });
  for (const event of feed.pending) if (event.atMs > clock()) callback.schedule(event);
  const context: ApiContext = {
    store,
    events,
    feed,
    counts: new RequestCounts(),
    access: new AccessRules(options, options.clockToleranceSeconds ?? 7200, clock),
    quota: new Quota(options.quotaPerMinute ?? {}, quotaWindowMs, clock),
    faults,
    gates: new Gates(),
    sleep,
    urlOf,
    signal,
    log,
  };
  return { context, callback };
}

type State = Pick<ApiContext, 'store' | 'events' | 'feed'>;

function openState(dataDir: string, openFeed: (file: string) => Omit<State, 'store'>): State {
  try {
    fs.mkdirSync(dataDir, { recursive: true });
    const { feed, events } = openFeed(path.join(dataDir, 'events'));
    return { store: new Store(dataDir, (file) => events.stored(file)), events, feed };
  } catch (error) {
    throw new UploaderError('EMULATOR_DATA', `emulator can't use ${dataDir}: ${String(error)}`, {
      cause: error,
    });
  }
}
