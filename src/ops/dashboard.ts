import { createBullBoard } from '@bull-board/api';
import { HonoAdapter } from '@bull-board/hono';
import { serveStatic } from '@hono/node-server/serve-static';
import { Hono, type MiddlewareHandler } from 'hono';
import type { VodUploads } from '../client/vod-uploads.ts';
import type { Queues } from '../queue/queues.ts';
import { boardQueues } from './dashboard/board-queue.ts';
import { createButtons } from './dashboard/buttons.ts';

export interface DashboardOptions {
  readonly queues: Queues;
  readonly uploads: VodUploads;
  readonly readOnly: boolean;
  /** Path of the dashboard, `/dashboard`. */
  readonly basePath: string;
  /** Path of the upload pages, `/uploads`. */
  readonly uploadsPath: string;
}

/** Bull Board for the queues, with actions that are safe for uploads. */
export function createDashboard(options: DashboardOptions): Hono {
  const { queues, uploads, readOnly, basePath, uploadsPath } = options;
  const board = new HonoAdapter(serveStatic).setBasePath(basePath);
  createBullBoard({
    queues: boardQueues(queues, { readOnly, uploadsPath }),
    serverAdapter: board,
    options: {
      uiConfig: {
        boardTitle: 'vod-upload',
        miscLinks: [{ text: 'Uploads', url: uploadsPath }],
        // It links to an external site.
        hideDocsLink: true,
      },
    },
  });
  const app = new Hono();
  app.use(contentPolicy);
  app.use('/static/*', cacheForAnHour);
  app.use(withoutWebFonts);
  app.route('/', createButtons({ queues, uploads }));
  app.route('/', board.registerPlugin());
  return app;
}

/** Bull Board uses inline styles, and its page has a <base>. */
const contentPolicy: MiddlewareHandler = async (context, next) => {
  await next();
  context.res.headers.set(
    'content-security-policy',
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
      "base-uri 'self'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
  );
};

const cacheForAnHour: MiddlewareHandler = async (context, next) => {
  await next();
  if (context.res.ok) context.res.headers.set('cache-control', 'private, max-age=3600');
};

/** Removes the links to external fonts, which the policy would block with errors in the console. */
const withoutWebFonts: MiddlewareHandler = async (context, next) => {
  await next();
  if (!context.res.headers.get('content-type')?.startsWith('text/html')) return;
  const page = await context.res.text();
  context.res = new Response(page.replace(/<link\b[^>]*\bhref="https?:[^>]*>/g, ''), context.res);
};
