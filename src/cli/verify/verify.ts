import { randomBytes } from 'node:crypto';
import { defined } from '../../base/defined.ts';
import { VERSION } from '../../base/version.ts';
import { type Config, requireCredentials } from '../../config/config.ts';
import { sampleOf } from '../../demo/sample.ts';
import { createApi3Client } from '../../vod/api3/client.ts';
import { createVodClient } from '../../vod/client.ts';
import { createCosClient } from '../../vod/cos/client.ts';
import type { VodApi } from '../../vod/wire/protocol.ts';
import { verifyApi3 } from './api3.ts';
import { Findings, POINTS } from './report.ts';
import { verifyV2 } from './v2.ts';

/** More than one part of either API, and the last part is smaller. */
const CONTENT_BYTES = 1.5 * 2 ** 20;

/** One API's part of the report. */
export interface ApiReport {
  readonly api: VodApi;
  readonly version: string;
  /** By the names of the points; a point that was not reached is absent. */
  readonly answers: Readonly<Record<string, string>>;
  /** The video that is left in the account. */
  readonly left?: { readonly fileId: string; readonly name: string };
}

/**
 * Uploads one small video by one API, and reports what the service answered.
 * @param config.vod.api which one
 * @param onAnswer called for each point when its answer is known
 * @param signal ends it early; the report has what is known by then
 * @throws {ConfigError} if the configuration has no credentials
 */
export async function verifyApi(
  config: Config,
  onAnswer: (label: string, answer: string) => void,
  signal: AbortSignal,
): Promise<ApiReport> {
  const { api } = config.vod;
  const name = `vod-upload-worker-verify-${randomBytes(4).toString('hex')}`;
  // Random, so that VOD does not know it.
  const file = { name, content: sampleOf(CONTENT_BYTES, randomBytes(16)) };
  const findings = new Findings((point, answer) => {
    onAnswer((POINTS[api] as Readonly<Record<string, string>>)[point] ?? point, answer);
  }, signal);
  const fileId = await UPLOADS[api](config, file, findings);
  return {
    ...{ api, version: VERSION, answers: Object.fromEntries(findings.answers()) },
    ...defined({ left: fileId === undefined ? undefined : { fileId, name } }),
  };
}

type File = { readonly name: string; readonly content: Buffer };

const UPLOADS: Readonly<
  Record<VodApi, (config: Config, file: File, findings: Findings) => Promise<string | undefined>>
> = {
  async v2(config, file, findings) {
    const { endpoint, region, signatureMethod } = config.vod;
    const client = createVodClient({
      ...{ endpoint, signatureMethod, credentials: requireCredentials(config), proxyEnv: config.proxyEnv },
      ...defined({ region }),
    });
    const fileId = await verifyV2(client, file, findings);
    client.close();
    return fileId;
  },
  async '2018-07-17'(config, file, findings) {
    const { endpoint, cosEndpoint, region, subAppId } = config.vod;
    const { proxyEnv } = config;
    const api = createApi3Client({
      ...{ endpoint, credentials: requireCredentials(config), proxyEnv },
      ...defined({ region, subAppId }),
    });
    const cos = createCosClient({ endpoint: cosEndpoint, proxyEnv });
    const fileId = await verifyApi3({ api, cos }, file, findings);
    api.close();
    cos.close();
    return fileId;
  },
};
