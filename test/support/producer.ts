import { onTestFinished } from 'vitest';
import { type RedisLocation, type Upload, VodUploads } from '../../src/index.ts';
import type { World } from './world.ts';

/** A producer for another Redis than the world's own; it is closed with the test. */
export function startProducer(world: World, connection: RedisLocation, ca?: string): VodUploads {
  const uploads = new VodUploads({ connection, prefix: world.prefix, ...(ca !== undefined && { ca }) });
  onTestFinished(() => uploads.close());
  return uploads;
}

/** Resolves when VOD has a part of the upload. */
export async function untilSending(upload: Upload): Promise<void> {
  for await (const { bytesSent } of upload.progress()) if (bytesSent > 0) return;
}
