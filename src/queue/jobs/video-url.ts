import { z } from 'zod';

/**
 * The URL of a video in Redis and in sent webhooks: empty if VOD returned none, because older programs, applications
 * and receivers require a string.
 */
export const storedUrlSchema = z.string();

export function storedUrl(url: string | null): string {
  return url ?? '';
}

/** The URL of a video as applications read it: null if VOD returned none. */
export const nullableUrlSchema = z
  .string()
  .nullable()
  .transform((url) => url || null);
