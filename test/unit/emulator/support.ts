/** Starts an emulator per test, and sends requests signed here: no code of the client is used. */
import { createHash, createHmac, randomBytes, randomInt } from 'node:crypto';
import fs from 'node:fs/promises';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { Refusal } from '../../../src/emulator/protocol/reply.ts';
import { type Emulator, type EmulatorOptions, startEmulator } from '../../../src/emulator/server.ts';

export const SECRET_ID = 'AKIDtest';
export const SECRET_KEY = 'test-key';

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly type: string;
  readonly headers: http.IncomingHttpHeaders;
  // biome-ignore lint/suspicious/noExplicitAny: tests read single fields
  readonly json: any;
}

export interface CallOptions {
  readonly method?: string;
  readonly path?: string;
  readonly body?: Uint8Array;
  readonly signedHost?: string;
  readonly digest?: 'sha1' | 'sha256';
  readonly secretKey?: string;
  /** Encodes a value of the query; default: encodeURIComponent. */
  readonly encode?: (value: string) => string;
  readonly omit?: readonly string[];
}

export type Call = (
  action: string,
  params?: Record<string, string | number>,
  options?: CallOptions,
) => Promise<Answer>;

export async function temporaryDirectory(): Promise<string> {
  const directory = await fs.mkdtemp(path.join(os.tmpdir(), 'emulator-'));
  onTestFinished(() => fs.rm(directory, { recursive: true, force: true }));
  return directory;
}

export async function start(options: Partial<EmulatorOptions> = {}): Promise<Emulator & { dataDir: string }> {
  const dataDir = options.dataDir ?? (await temporaryDirectory());
  const emulator = await startEmulator({ secretId: SECRET_ID, secretKey: SECRET_KEY, ...options, dataDir });
  onTestFinished(() => emulator.close());
  return { ...emulator, dataDir };
}

/** Signs as documented: sorted names, raw values, METHOD + host + path + ?. */
export function queryOf(
  method: string,
  host: string,
  target: string,
  params: Record<string, string | number>,
  { secretKey = SECRET_KEY, digest = 'sha1', encode = encodeURIComponent }: CallOptions = {},
): string {
  const names = Object.keys(params).sort();
  const text = names.map((name) => `${name.replaceAll('_', '.')}=${params[name]}`).join('&');
  const signature = createHmac(digest, secretKey)
    .update(`${method}${host}${target}?${text}`)
    .digest('base64');
  return [...names.map((name) => [name, String(params[name])]), ['Signature', signature]]
    .map(([name = '', value = '']) => `${name}=${encode(value)}`)
    .join('&');
}

export function commonParams(action: string): Record<string, string | number> {
  const Timestamp = Math.floor(Date.now() / 1000);
  return { Action: action, Region: 'gz', SecretId: SECRET_ID, Timestamp, Nonce: randomInt(1, 2 ** 47) };
}

export function callerOf(emulator: Emulator): Call {
  const url = new URL(emulator.url);
  return (action, params = {}, options = {}) => {
    const method = options.method ?? (action === 'UploadPart' ? 'POST' : 'GET');
    const target = options.path ?? url.pathname;
    const all = { ...commonParams(action), ...params };
    for (const name of options.omit ?? []) delete all[name];
    const query = queryOf(method, options.signedHost ?? url.hostname, target, all, options);
    return send(url, method, `${target}?${query}`, options.body);
  };
}

/** Rejects with the socket's error, such as ECONNRESET. */
export function send(url: URL, method: string, target: string, body?: Uint8Array): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = url;
    const request = http.request({ hostname, port, method, path: target, agent: false }, (response) => {
      const received: Buffer[] = [];
      response.on('data', (bytes: Buffer) => received.push(bytes));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(received).toString('utf8');
        const { headers, statusCode: status = 0 } = response;
        resolve({ status, text, type: headers['content-type'] ?? '', headers, json: parsed(text) });
      });
    });
    request.on('error', reject);
    request.end(body);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex');

export interface Video {
  readonly bytes: Buffer;
  readonly fileSha: string;
  readonly dataSize: number;
  readonly offsets: readonly number[];
}

export function videoOf(size: number, dataSize = 524288): Video {
  const bytes = randomBytes(size);
  const offsets = Array.from({ length: Math.ceil(size / dataSize) }, (_, index) => index * dataSize);
  return { bytes, fileSha: createHash('sha1').update(bytes).digest('hex'), dataSize, offsets };
}

export function initParams(video: Video): Record<string, string | number> {
  const { fileSha, dataSize } = video;
  return { fileName: 'clip', fileSha, fileSize: video.bytes.length, dataSize, fileType: 'mp4' };
}

/** Sends one UploadPart. @param change replaces parameters */
export function sendPart(
  call: Call,
  video: Video,
  offset: number,
  change: Record<string, string | number> = {},
  options: CallOptions = {},
): Promise<Answer> {
  const body = video.bytes.subarray(offset, offset + video.dataSize);
  const params = { fileSha: video.fileSha, offset, dataSize: body.length, dataMd5: md5(body), ...change };
  return call('UploadPart', params, { body, ...options });
}

export async function uploadAll(call: Call, video: Video): Promise<Answer> {
  await call('InitUpload', initParams(video));
  for (const offset of video.offsets) await sendPart(call, video, offset);
  return await call('FinishUpload', { fileSha: video.fileSha });
}

/** @returns the Refusal that `run` throws */
export function refusalOf(run: () => unknown): Refusal {
  try {
    run();
  } catch (error) {
    if (error instanceof Refusal) return error;
  }
  throw new Error('was not refused');
}
