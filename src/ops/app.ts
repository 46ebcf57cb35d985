import { Hono, type MiddlewareHandler } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { getPath } from 'hono/utils/url';
import type { VodUploads } from '../client/vod-uploads.ts';
import type { OpsUser } from '../config/ops.ts';
import type { Logger } from '../process/log.ts';
import type { Queues } from '../queue/queues.ts';
import { access } from './access.ts';
import { createDashboard } from './dashboard.ts';
import { STATUS_PATHS, type StatusSources, statusReply } from './status.ts';
import { createUploadPages } from './uploads/routes.ts';

export interface OpsAppOptions extends StatusSources {
  readonly queues: Queues;
  readonly uploads: VodUploads;
  readonly users: readonly OpsUser[];
  readonly readOnly: boolean;
  /** Path prefix of a proxy in front, `/vod`; empty = at the root. */
  readonly basePath: string;
  /** Absent = VOD's events are not received by HTTP. */
  readonly eventCallback: MiddlewareHandler | undefined;
  readonly log: Logger;
}

/**
 * Everything that `vod-upload ops` serves. Without login: metrics, health, and the callback for VOD's events. With login:
 * the pages of the uploads and the dashboard of the queues.
 */
export function createOpsApp(options: OpsAppOptions): Hono {
  const { queues, uploads, users, readOnly, basePath, eventCallback, log } = options;
  // Some proxies forward the whole path, others strip the prefix; both work.
  const app = new Hono({ getPath: (request) => belowBase(getPath(request), basePath) });
  for (const path of STATUS_PATHS) {
    app.get(`${basePath}${path}`, async (context) => {
      const { status, contentType, body } = await statusReply(path, options);
      return context.body(body, status as ContentfulStatusCode, { 'content-type': contentType });
    });
  }
  if (eventCallback !== undefined) app.use(eventCallback);
  app.use(access({ users, readOnly, log }));
  const [uploadsPath, dashboardPath] = [`${basePath}/uploads`, `${basePath}/dashboard`];
  app.get(`${basePath}/`, (context) => context.redirect(uploadsPath));
  app.route(uploadsPath, createUploadPages({ uploads, readOnly, log, basePath: uploadsPath, dashboardPath }));
  app.route(
    dashboardPath,
    createDashboard({ queues, uploads, readOnly, basePath: dashboardPath, uploadsPath }),
  );
  return app;
}

function belowBase(path: string, basePath: string): string {
  if (path === basePath) return `${basePath}/`;
  return path.startsWith(`${basePath}/`) ? path : `${basePath}${path}`;
}
