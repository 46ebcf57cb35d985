import { Hono } from 'hono';
import type { VodUploads } from '../queue/producer.ts';
import type { Queues } from '../queue/queues.ts';

export interface DashboardOptions {
  readonly queues: Queues;
  readonly uploads: VodUploads;
  readonly readOnly: boolean;
  /** Where it is mounted, `/dashboard`. */
  readonly basePath: string;
}

/** Bull Board for the five queues, with buttons that do what an upload needs. */
export function createDashboard(_options: DashboardOptions): Hono {
  return new Hono();
}
