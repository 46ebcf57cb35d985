/**
 * A VOD of one's own: speaks the server-upload protocol as the service does, keeps what it gets on disk, and fails
 * on demand. For development, demos and tests; it shares no logic with the client.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { UploaderError } from '../errors.ts';
import { AccessRules } from './access.ts';
import { API_PATHS, type ApiContext, type EmulatorLog, serveApi } from './api.ts';
import { createControlServer, type EmulatorControl } from './control.ts';
import { Faults } from './faults.ts';
import { closeServer, listen } from './listen.ts';
import { endJson } from './outcomes.ts';
import { playbackPath, servePlayback } from './playback.ts';
import { Quota, type QuotaLimits } from './quota.ts';
import { type EmulatorStats, RequestCounts } from './stats.ts';
import { Store } from './store.ts';
import type { StoredFile } from './stored-files.ts';

export type { Fault } from './faults.ts';

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
  /** Default: no limits. */
  readonly quotaPerMinute?: QuotaLimits;
  /** The quota's sliding window, default 60,000 ms. */
  readonly quotaWindowMs?: number;
  /** What the urls of stored videos start with; default the emulator's own origin. */
  readonly publicUrl?: string;
  /** Milliseconds since 1970; default the system's. */
  readonly clock?: () => number;
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
  const { host = '127.0.0.1', clock = Date.now, log = () => undefined } = options;
  const closing = new AbortController();
  let publicUrl = options.publicUrl?.replace(/\/$/, '') ?? '';
  const context: ApiContext = {
    store: openStore(options.dataDir),
    counts: new RequestCounts(),
    access: new AccessRules(options, options.clockToleranceSeconds ?? 7200, clock),
    quota: new Quota(options.quotaPerMinute ?? {}, options.quotaWindowMs ?? 60_000, clock),
    faults: new Faults(),
    urlOf: (file) => `${publicUrl}${playbackPath(file)}`,
    signal: closing.signal,
    log,
  };
  const control = controlOf(context);
  const running = new Set<Promise<void>>();
  const server = createServer((request, response) => {
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
    await Promise.all(running);
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

function openStore(dataDir: string): Store {
  try {
    return new Store(dataDir);
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

function controlOf({ faults, quota, counts, store, urlOf }: ApiContext): EmulatorControl {
  return {
    inject: (fault) => faults.inject(fault),
    clearFaults: () => faults.clear(),
    setQuota: (limits) => quota.setLimits(limits),
    stats: () => ({
      ...counts.snapshot(),
      files: store.files.all().map((file) => fileStats(file, urlOf(file))),
      quotaRefusals: quota.refusals,
      peakPerWindow: quota.peaks,
      faultsUsed: faults.used,
    }),
    resetStats: () => {
      counts.reset();
      quota.resetCounts();
      faults.resetCounts();
    },
  };
}

function fileStats(file: StoredFile, url: string): EmulatorStats['files'][number] {
  const { fileSize, fileName, fileType, dataSize: _, ...rest } = file;
  return { ...rest, size: fileSize, name: fileName, type: fileType, url };
}
