import { Hono } from 'hono';
import type { VodUploads } from '../../queue/producer.ts';

export interface UploadPagesOptions {
  readonly uploads: VodUploads;
  readonly readOnly: boolean;
  /** Where they are mounted, `/uploads`. */
  readonly basePath: string;
}

/** The table of uploads and a page for each. */
export function createUploadPages(_options: UploadPagesOptions): Hono {
  return new Hono();
}
