/** Reads a request's body: bounded, and as slowly as a fault asks for. */
import { createHash, type Hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Sleep } from '../sleep.ts';

/** The largest part and some slack: what a part's body may have before it is not even looked at. */
export const BODY_MAX_BYTES = 1048576 + 65536;

export interface RequestBody {
  /** As they came in; empty when the body was too large. */
  readonly buffers: readonly Buffer[];
  readonly bytes: number;
  readonly tooLarge: boolean;
  /** Lower-case hex; empty without a body. */
  readonly md5: string;
}

/**
 * A body beyond the limit is read to its end and thrown away, so that its sender gets to see the refusal.
 *
 * @param slowly default: as fast as it comes
 * @throws when the sender goes away before the end.
 */
export async function readBody(
  request: IncomingMessage,
  signal: AbortSignal,
  slowly?: { readonly bytesPerSecond: number; readonly sleep: Sleep },
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
    const ms = slowly === undefined ? 0 : (received.length / slowly.bytesPerSecond) * 1000;
    if (ms > 0) await slowly?.sleep(ms, signal);
  }
  return { buffers, bytes, tooLarge: bytes > BODY_MAX_BYTES, md5: md5?.digest('hex') ?? '' };
}
