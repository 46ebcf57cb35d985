import { createApi3Backend } from '../src/backend/api3/backend.ts';
import { createApi3Media } from '../src/backend/api3-media.ts';
import type { UploadBackend } from '../src/backend/backend.ts';
import type { MediaBackend } from '../src/backend/media.ts';
import { createV2Backend } from '../src/backend/v2.ts';
import { createV2Media } from '../src/backend/v2-media.ts';
import { defined } from '../src/base/defined.ts';
import type { Config } from '../src/config/config.ts';
import { MAX_PART_SLOTS } from '../src/limits/limits.ts';
import type { WorkerMetrics } from '../src/telemetry/worker-metrics.ts';
import { createApiClient } from '../src/vod/api-client.ts';
import { createApi3Client } from '../src/vod/api3/client.ts';
import { createVodClient } from '../src/vod/client.ts';
import { documentedCodeLabel } from '../src/vod/code-labels.ts';
import { createCosClient } from '../src/vod/cos/client.ts';
import type { Throttle } from '../src/vod/http/throttle.ts';
import type { RequestOptions } from '../src/vod/requests.ts';
import type { VodCredentials } from '../src/vod/wire/params.ts';
import type { VodApi } from '../src/vod/wire/protocol.ts';
import { tracedApi3Client, tracedApiClient, tracedClient, tracedCosClient } from './spans.ts';

/** Jobs of one process at a time that make one small request; the account's quota is the real limit. */
export const CONTROL_CONCURRENCY = 8;

const CONTROL_CONNECTIONS = 2 * CONTROL_CONCURRENCY;
/** Enough for every number of slots that can be set later; only as many are opened as there are requests. */
const PART_CONNECTIONS = MAX_PART_SLOTS + CONTROL_CONNECTIONS;

export interface VodClients {
  readonly backend: UploadBackend;
  readonly media: MediaBackend;
}

export interface VodClientsDependencies {
  readonly config: Config;
  readonly credentials: () => VodCredentials | Promise<VodCredentials>;
  /** Limits the bandwidth of parts. */
  readonly throttle: Throttle;
  readonly metrics: WorkerMetrics;
}

/** Creates the clients of the account's API. Above them nobody knows which API it is. */
export function openVodClients(deps: VodClientsDependencies): VodClients {
  return CLIENTS[deps.config.vod.api](deps);
}

const CLIENTS: Readonly<Record<VodApi, (deps: VodClientsDependencies) => VodClients>> = {
  v2: v2Clients,
  '2018-07-17': api3Clients,
};

function v2Clients(deps: VodClientsDependencies): VodClients {
  const { config, credentials, throttle } = deps;
  const { endpoint, eventEndpoint, region, signatureMethod } = config.vod;
  const account = { ...requestOptions(deps), credentials, signatureMethod, ...defined({ region }) };
  const client = createVodClient({ ...account, endpoint, throttle, connections: PART_CONNECTIONS });
  const api = createApiClient({ ...account, endpoint: eventEndpoint });
  const isTraced = config.tracing !== undefined;
  return {
    backend: createV2Backend(isTraced ? tracedClient(client) : client),
    media: createV2Media(isTraced ? tracedApiClient(api) : api),
  };
}

function api3Clients(deps: VodClientsDependencies): VodClients {
  const { config, credentials, throttle } = deps;
  const { endpoint, cosEndpoint, region, subAppId } = config.vod;
  const options = requestOptions(deps);
  const api3 = createApi3Client({
    ...{ ...options, endpoint, credentials, connections: CONTROL_CONNECTIONS },
    ...defined({ region, subAppId }),
  });
  const cos = createCosClient({ ...options, endpoint: cosEndpoint, throttle, connections: PART_CONNECTIONS });
  const secretKey = async (): Promise<string> => (await credentials()).secretKey;
  const isTraced = config.tracing !== undefined;
  const api = isTraced ? tracedApi3Client(api3) : api3;
  return {
    backend: createApi3Backend({ api, cos: isTraced ? tracedCosClient(cos) : cos, secretKey }),
    media: createApi3Media(api),
  };
}

function requestOptions({ config, metrics }: VodClientsDependencies): RequestOptions {
  return { proxyEnv: config.proxyEnv, onRequest: requestObserver(metrics) };
}

function requestObserver(metrics: WorkerMetrics): NonNullable<RequestOptions['onRequest']> {
  return ({ action, result, code, durationMs, retryable }) => {
    metrics.apiRequests.observe({ action, result }, durationMs / 1000);
    if (result === 'ok') return;
    const label = code === undefined ? 'other' : documentedCodeLabel(code);
    metrics.apiErrors.inc({ action, code: label, retryable: String(retryable ?? false) });
  };
}
