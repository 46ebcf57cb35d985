import fs from 'node:fs';
import path from 'node:path';
import { UploaderError } from '../base/errors.ts';
import { Callback } from './after/callback.ts';
import { Events } from './after/events.ts';
import { Feed } from './after/feed.ts';
import type { MediaUrls } from './after/media-info.ts';
import type { ApiContext } from './api.ts';
import type { Api3ServerContext } from './api3.ts';
import { Faults } from './control/faults.ts';
import { Gates } from './control/gates.ts';
import { RequestCounts } from './control/stats.ts';
import type { CosServerContext } from './cos.ts';
import { coverPath, playbackPath } from './http/playback.ts';
import type { EmulatorOptions } from './options.ts';
import { AccessRules } from './protocol/access.ts';
import { Api3Quota } from './protocol/api3-quota.ts';
import { Quota } from './protocol/quota.ts';
import { systemSleep } from './sleep.ts';
import { Objects } from './state/objects.ts';
import { Store } from './state/store.ts';
import type { StoredFile } from './state/stored-files.ts';
import { VodSessions } from './state/vod-sessions.ts';

export interface ServerContext extends ApiContext, Api3ServerContext, CosServerContext {}

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
): { readonly context: ServerContext; readonly callback: Callback } {
  const { clock = Date.now, sleep = systemSleep, log = () => undefined } = options;
  const { dataDir, quotaWindowMs = 60_000, callbackUrl, transcodeMs = 1000 } = options;
  const second = quotaWindowMs / 60;
  const urlOf = (file: StoredFile): string => `${publicUrl()}${playbackPath(file)}`;
  const urlsOf = (file: StoredFile): MediaUrls => {
    const cover = coverPath(file);
    return { media: urlOf(file), cover: cover === undefined ? '' : `${publicUrl()}${cover}` };
  };
  const callback = new Callback({ url: callbackUrl, pauseMs: second, clock, sleep, signal, log });
  const faults = new Faults();
  const state = openState(dataDir, clock, (file) => {
    const feed = new Feed({ file, holdMs: 5 * second, redeliverMs: 30 * second, clock, sleep });
    const onEvent = callback.schedule.bind(callback);
    return { feed, events: new Events({ feed, faults, transcodeMs, clock, urlsOf, onEvent }) };
  });
  for (const event of state.feed.pending) if (event.atMs > clock()) callback.schedule(event);
  const context: ServerContext = {
    ...state,
    counts: new RequestCounts(),
    access: new AccessRules(options, options.clockToleranceSeconds ?? 7200, clock),
    quota: new Quota(options.quotaPerMinute ?? {}, quotaWindowMs, clock),
    account: options,
    subAppId: options.subAppId,
    api3Quota: new Api3Quota(options.quotaPerSecond ?? {}, second, clock),
    settings: {
      secondCommit: options.secondCommit ?? 'error',
      sessionLifeSeconds: options.sessionLifeSeconds ?? 7200,
      ...(options.pathMode !== undefined && { pathMode: options.pathMode }),
      callbackUrl,
    },
    cosSettings: {
      sendsCrc64: options.crc64 ?? true,
      deniedActions: new Set(options.deniedActions),
    },
    clock,
    faults,
    gates: new Gates(),
    sleep,
    urlOf,
    urlsOf,
    signal,
    log,
  };
  return { context, callback };
}

type State = Pick<ServerContext, 'store' | 'objects' | 'sessions' | 'events' | 'feed'>;

function openState(
  dataDir: string,
  clock: () => number,
  openFeed: (file: string) => Pick<State, 'events' | 'feed'>,
): State {
  try {
    fs.mkdirSync(dataDir, { recursive: true });
    const { feed, events } = openFeed(path.join(dataDir, 'events'));
    const objects = new Objects(path.join(dataDir, 'cos'), clock);
    const sessions = new VodSessions(path.join(dataDir, 'vod-sessions'), clock);
    const store = new Store(dataDir, objects, (file) => events.stored(file));
    return { store, objects, sessions, events, feed };
  } catch (error) {
    throw new UploaderError('EMULATOR_DATA', `emulator can't use ${dataDir}: ${String(error)}`, {
      cause: error,
    });
  }
}
