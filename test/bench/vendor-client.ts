/**
 * A client of the vendor in a process of its own: uploads each file that a line of its input names, and writes a line of
 * JSON with its milliseconds. Arguments: the client, the origin of the sink, and for `cos-nodejs-sdk-v5` how many parts at a
 * time and their size in bytes; default: its own. The hosts are replaced by the sink without TLS, and nothing else.
 */
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

type Upload = (file: string) => Promise<unknown>;

interface CosOptions {
  readonly SecretId: string;
  readonly SecretKey: string;
  readonly SecurityToken?: string;
  readonly Protocol?: string;
  readonly Domain?: string;
}
type Cos = new (options: CosOptions) => { sliceUploadFile(options: object): Promise<unknown> };

const [client, origin = '', parallel, partBytes] = process.argv.slice(2);
const { host } = new URL(origin);
const onSink = { Protocol: 'http:', Domain: `${host}/{Bucket}` };
const require = createRequire(import.meta.url);

const upload = client === 'vod-node-sdk' ? vodNodeSdk() : cosNodeSdk();
let uploads = 0;
for await (const file of createInterface(process.stdin)) {
  const startedAt = performance.now();
  await upload(file);
  process.stdout.write(`${JSON.stringify({ upload: ++uploads, ms: performance.now() - startedAt })}\n`);
}

/** Only the bytes: there is no ApplyUpload and no CommitUpload. */
function cosNodeSdk(): Upload {
  const Cos = require('cos-nodejs-sdk-v5') as Cos;
  const keys = { SecretId: 'id', SecretKey: 'key', SecurityToken: 'token' };
  const cos = new Cos({ ...keys, ...onSink });
  let count = 0;
  return (FilePath) =>
    cos.sliceUploadFile({
      ...{ Bucket: 'bucket-1250000000', Region: 'ap-guangzhou', Key: `videos/${++count}.mp4`, FilePath },
      ...(parallel !== undefined && { AsyncLimit: Number(parallel) }),
      ...(partBytes !== undefined && { ChunkSize: Number(partBytes) }),
    });
}

function vodNodeSdk(): Upload {
  // What it requires itself, in its own versions.
  const requireAsSdk = createRequire(require.resolve('vod-node-sdk'));
  const cosPath = requireAsSdk.resolve('cos-nodejs-sdk-v5');
  const Cos = require(cosPath) as Cos;
  replaceExports(cosPath, function cosOnSink(options: CosOptions) {
    return new Cos({ ...options, ...onSink });
  });
  const cloud = requireAsSdk('tencentcloud-sdk-nodejs');
  const { Client } = cloud.vod.v20180717;
  const { ClientProfile, HttpProfile } = cloud.common;
  cloud.vod.v20180717.Client = function vodOnSink(credential: unknown, region: string) {
    const http = new HttpProfile();
    // The sink finds the action in the query.
    Object.assign(http, { protocol: 'http://', endpoint: host, reqMethod: 'GET' });
    return new Client(credential, region, new ClientProfile(undefined, http));
  };
  const { VodUploadClient, VodUploadRequest } = require('vod-node-sdk');
  const uploader = new VodUploadClient('id', 'key');
  return (MediaFilePath) =>
    new Promise((resolve, reject) => {
      const request = Object.assign(new VodUploadRequest(), { MediaFilePath });
      const done = (error: unknown, result: unknown): void => (error ? reject(error) : resolve(result));
      uploader.upload('ap-guangzhou', request, done);
    });
}

function replaceExports(path: string, exports: unknown): void {
  const module = require.cache[path];
  if (module !== undefined) module.exports = exports;
}
