import { createHash, type Hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Sleep } from '../sleep.ts';

/** Maximum body size: the largest part and some slack. Larger bodies are not parsed. */
export const BODY_MAX_BYTES = 1048576 + 65536;

export interface RequestBody {
  /** As received; empty when the body is too large. */
  readonly buffers: readonly Buffer[];
  readonly bytes: number;
  readonly tooLarge: boolean;
  /** Lower-case hex; empty without a body. */
  readonly md5: string;
}

/**
 * A body above the limit is read to its end and dropped, so that the sender can read the error reply.
 *
 * @param limit default: no bandwidth limit
 * @throws when the client disconnects before the end.
 */
export async function readBody(
  request: IncomingMessage,
  signal: AbortSignal,
  limit?: { readonly bytesPerSecond: number; readonly sleep: Sleep },
): Promise<RequestBody> {
  const buffers: Buffer[] = [];
  let md5: Hash | undefined;
  let bytes = 0;
  for await (const received of request as AsyncIterable<Buffer>) {
    bytes += received.length;
    if (bytes > BODY_MAX_BYTES) buffers.length = 0;
    else {
      buffers.push(received);
      md5 ??= createHash('md5');
      md5.update(received);
    }
    const ms = limit === undefined ? 0 : (received.length / limit.bytesPerSecond) * 1000;
    if (ms > 0) await limit?.sleep(ms, signal);
  }
  return { buffers, bytes, tooLarge: bytes > BODY_MAX_BYTES, md5: md5?.digest('hex') ?? '' };
}
