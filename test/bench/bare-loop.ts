/**
 * Cost of an upload's parts without a worker: the same reads, MD5 and signed requests, but no queue. Prints the result of
 * a second pass over the file as JSON; the first pass warms up.
 *
 * Arguments: file, part size, concurrent parts, endpoint, and the client: `bare` is plain node:http, `vod` the worker's
 * client.
 */
import { createHash, createHmac, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import http from 'node:http';
import { createVodClient } from '../../src/vod/client.ts';

/** The printed result. */
export interface BareLoopResult {
  readonly parts: number;
  readonly wallMs: number;
  readonly cpuMs: number;
}

const [path = '', partSizeText, slotsText, endpoint = '', client] = process.argv.slice(2);
const partSize = Number(partSizeText);
const slots = Number(slotsText);
const credentials = { secretId: 'AKIDbench', secretKey: 'bench' };
const fileSha = '0'.repeat(40);

const agent = new http.Agent({ keepAlive: true, maxSockets: slots });
const vod = createVodClient({ endpoint, credentials, connections: slots });

async function sendBare(body: Buffer, offset: number, dataMd5: string): Promise<void> {
  const url = new URL(endpoint);
  const params = new URLSearchParams({
    Action: 'UploadPart',
    Nonce: String(randomInt(2 ** 31)),
    Region: 'gz',
    SecretId: credentials.secretId,
    Timestamp: String(Math.floor(Date.now() / 1000)),
    dataMd5,
    dataSize: String(body.length),
    fileSha,
    offset: String(offset),
  });
  const text = `POST${url.hostname}${url.pathname}?${params}`;
  params.set('Signature', createHmac('sha1', credentials.secretKey).update(text).digest('base64'));
  url.search = String(params);
  const request = http.request(url, {
    method: 'POST',
    agent,
    headers: { 'content-length': body.length },
  });
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  let reply = '';
  response.setEncoding('utf8').on('data', (data: string) => {
    reply += data;
  });
  await once(response, 'end');
  if (JSON.parse(reply).code !== 0) throw new Error(`refused: ${reply}`);
}

const file = await open(path);
const { size } = await file.stat();
const count = Math.ceil(size / partSize);

async function pass(): Promise<void> {
  let next = 0;
  const slot = async (): Promise<void> => {
    const buffer = Buffer.allocUnsafeSlow(partSize);
    while (next < count) {
      const offset = next++ * partSize;
      const body = buffer.subarray(0, Math.min(partSize, size - offset));
      await file.read(body, 0, body.length, offset);
      const dataMd5 = createHash('md5').update(body).digest('hex');
      if (client === 'vod') await vod.uploadPart({ fileSha, offset, dataMd5, body });
      else await sendBare(body, offset, dataMd5);
    }
  };
  await Promise.all(Array.from({ length: slots }, slot));
}

await pass();
const startedAt = performance.now();
const cpu = process.cpuUsage();
await pass();
const wallMs = performance.now() - startedAt;
const { user, system } = process.cpuUsage(cpu);
const result: BareLoopResult = { parts: count, wallMs, cpuMs: (user + system) / 1000 };
process.stdout.write(`${JSON.stringify(result)}\n`);
await file.close();
agent.destroy();
vod.close();
