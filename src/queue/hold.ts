import { z } from 'zod';
import { printable } from '../format.ts';

/**
 * Why the queues that call VOD are held, for all replicas:
 * - outage: requests get no answer, whatever they are.
 * - account: the service refuses the account's credentials or rights, so it would refuse every upload.
 */
export type HoldKind = 'outage' | 'account';

const holdSchema = z.object({
  kind: z.enum(['outage', 'account']),
  /** Milliseconds since 1970. */
  since: z.int(),
  /** Of the error that began it. */
  code: z.string(),
  message: z.string(),
});

/** What everybody can see while the queues are held. */
export type Hold = Readonly<z.infer<typeof holdSchema>>;

export function holdKey(prefix: string): string {
  return `${prefix}:vod-hold`;
}

/** Of the queue that calls VOD's other host, for what comes after an upload: what is wrong there holds no upload. */
export function apiHoldKey(prefix: string): string {
  return `${prefix}:vod-api-hold`;
}

/** @returns undefined when nothing is held, or what is there is none of ours */
export function parseHold(value: string | null): Hold | undefined {
  try {
    return holdSchema.safeParse(JSON.parse(value ?? 'null')).data;
  } catch {
    return undefined;
  }
}

/** Why uploads are held, for people. */
export function describeHold({ kind, code, message }: Hold): string {
  const what =
    kind === 'outage'
      ? 'VOD does not answer; nothing is lost, and uploads go on when it does'
      : 'VOD refuses the account of the workers; uploads go on when that is mended';
  return `${what}: ${printable(message)} [${code}]`;
}
