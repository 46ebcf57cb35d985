/**
 * Uploads a file with the vendor's `vod-node-sdk`, in a process of its own: arguments are SecretId, SecretKey, the file
 * and its SourceContext. Writes the response as JSON.
 */
import { createRequire } from 'node:module';

interface Sdk {
  readonly VodUploadClient: new (
    secretId: string,
    secretKey: string,
  ) => { upload(region: string, request: object, done: (error: unknown, response: object) => void): void };
  readonly VodUploadRequest: new () => object;
}

const require = createRequire(import.meta.url);
const { VodUploadClient, VodUploadRequest } = require('vod-node-sdk') as Sdk;
const [secretId = '', secretKey = '', MediaFilePath = '', SourceContext = ''] = process.argv.slice(2);
const request = Object.assign(new VodUploadRequest(), { MediaFilePath, SourceContext });
new VodUploadClient(secretId, secretKey).upload('ap-guangzhou', request, (error, response) => {
  if (error) throw error;
  process.stdout.write(JSON.stringify(response));
});
