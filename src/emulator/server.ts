/**
 * A VOD of one's own: speaks the server-upload protocol as the service does, keeps what it gets on disk, and fails
 * on demand. For development, demos and tests; it shares no logic with the client.
 */

import fs from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import path from 'node:path';
import { UploaderError } from '../base/errors.ts';
import { Callback } from './after/callback.ts';
import { Events } from './after/events.ts';
import { Feed, type FeedEvent } from './after/feed.ts';
import { API_PATHS, type ApiContext, type EmulatorLog, serveApi } from './api.ts';
import { createControlServer, type EmulatorControl, parseEvent } from './control/control.ts';
import { Faults } from './control/faults.ts';
import { Gates } from './control/gates.ts';
import { endJson } from './control/outcomes.ts';
import { type EmulatorStats, RequestCounts } from './control/stats.ts';
import { closeServer, listen } from './http/listen.ts';
import { playbackPath, servePlayback } from './http/playback.ts';
import { AccessRules } from './protocol/access.ts';
import { Quota, type QuotaLimits } from './protocol/quota.ts';
import type { SignatureCode } from './protocol/signature.ts';
import { type Sleep, systemSleep } from './sleep.ts';
import { Store } from './state/store.ts';
import type { StoredFile } from './state/stored-files.ts';

export type { Fault } from './control/faults.ts';

export interface EmulatorOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free one. */
  readonly port?: number;
  /** Of the control endpoint; default 0: any free one. */
  readonly controlPort?: number;
  /** State and stored videos; survives a restart. One emulator at a time. */
  readonly dataDir: string;
  readonly secretId: string;
  readonly secretKey: string;
  /** How the calls of an upload are refused whose SecretId or signature is wrong; default -10002. */
  readonly signatureCode?: SignatureCode;
  /** Default: no limits. */
  readonly quotaPerMinute?: QuotaLimits;
  /**
   * The quota's sliding window, default 60,000 ms. With a shorter minute, the seconds that PullEvent is held for, and
   * after which events come again, are shorter as well.
   */
  readonly quotaWindowMs?: number;
  /** How long a transcoding takes, default 1,000 ms. */
  readonly transcodeMs?: number;
  /** Where events are sent as well; default: nowhere, they are only there to be pulled. */
  readonly callbackUrl?: string | undefined;
  /** What the urls of stored videos start with; default the emulator's own origin. */
  readonly publicUrl?: string;
  /** Milliseconds since 1970; default the system's. Replies have their Date by it. */
  readonly clock?: () => number;
  /** How time passes for whoever waits; default by the system's timers. It goes with `clock`. */
  readonly sleep?: Sleep;
  /** How far a Timestamp may be off, default 7,200. */
  readonly clockToleranceSeconds?: number;
  readonly log?: EmulatorLog;
}

export interface Emulator {
  /** The API's endpoint: `http://127.0.0.1:1234/v2/index.php`. */
  readonly url: string;
  /** Origin of the control endpoint. */
  readonly controlUrl: string;
  readonly control: EmulatorControl;
  /** Ends every connection, hanging ones too; resolves when nothing runs any more. */
  close(): Promise<void>;
}

/** @throws {UploaderError} `EMULATOR_LISTEN` when a port can't be had, `EMULATOR_DATA` when `dataDir` is unusable. */
export async function startEmulator(options: EmulatorOptions): Promise<Emulator> {
  const { host = '127.0.0.1', clock = Date.now, sleep = systemSleep, log = () => undefined } = options;
  const { quotaWindowMs = 60_000, callbackUrl, transcodeMs = 1000 } = options;
  const closing = new AbortController();
  const { signal } = closing;
  let publicUrl = options.publicUrl?.replace(/\/$/, '') ?? '';
  const urlOf = (file: StoredFile): string => `${publicUrl}${playbackPath(file)}`;
  const second = quotaWindowMs / 60;
  const callback = new Callback({ url: callbackUrl, pauseMs: second, clock, sleep, signal, log });
  const faults = new Faults();
  const { store, feed, events } = openState(options.dataDir, (file) => {
    const feed = new Feed({ file, holdMs: 5 * second, redeliverMs: 30 * second, clock, sleep });
    const onEvent = (event: FeedEvent): void => callback.announce(event);
    return { feed, events: new Events({ feed, faults, transcodeMs, clock, urlOf, onEvent }) };
  });
  for (const event of feed.pending) if (event.atMs > clock()) callback.announce(event);
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
  const control = controlOf(context, callback);
  const running = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    response.setHeader('date', new Date(clock()).toUTCString());
    const own = serve(context, request, response)
      .catch(() => void response.destroy())
      .finally(() => running.delete(own));
    running.add(own);
  });
  // A client's pooled connection should not die between two of its requests; slow bodies are faults, not attacks.
  server.keepAliveTimeout = 120_000;
  server.requestTimeout = 0;
  const controlServer = createControlServer(control, closing.signal);
  const close = async (): Promise<void> => {
    closing.abort();
    await Promise.all([closeServer(server), closeServer(controlServer)]);
    await Promise.all([...running, callback.ended()]);
  };
  try {
    const origin = await listen(server, host, options.port ?? 0);
    publicUrl ||= origin;
    const controlUrl = await listen(controlServer, host, options.controlPort ?? 0);
    log({ url: origin, controlUrl, dataDir: options.dataDir }, 'emulator started');
    return { url: `${origin}/v2/index.php`, controlUrl, control, close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface State {
  readonly store: Store;
  readonly events: Events;
  readonly feed: Feed;
}

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

async function serve(context: ApiContext, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const target = request.url ?? '/';
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  if (API_PATHS.has(path) && (request.method === 'GET' || request.method === 'POST')) {
    return await serveApi(context, path, question < 0 ? '' : target.slice(question + 1), request, response);
  }
  if (API_PATHS.has(path)) return endJson(response, '{"message":"GET or POST only"}', 405);
  if (await servePlayback(context.store.files, path, request, response)) return;
  endJson(response, '{"message":"not found"}', 404);
}

function controlOf(context: ApiContext, callback: Callback): EmulatorControl {
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
