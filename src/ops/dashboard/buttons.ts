import { type Context, Hono } from 'hono';
import { UploaderError } from '../../base/errors.ts';
import type { VodUploads } from '../../client/vod-uploads.ts';
import { QUEUES, STAGES } from '../../queue/names.ts';
import type { Queues } from '../../queue/queues.ts';
import { QueueActions } from './actions.ts';

/** Bull Board's own actions are passed through: pausing does not change jobs. */
const PAUSE_OR_RESUME = /\/api\/queues\/([^/]+\/)?(pause|resume)$/;

/** Why other actions are refused, by the end of their path. */
const REFUSED: readonly (readonly [path: RegExp, reason: string])[] = [
  [/\/add$/, 'Uploads are added by your application or with `vod-upload add`, which validate them.'],
  [
    /\/(update-data|delay|priority)$/,
    'An upload relies on the data, delay and priority of its jobs. Cancel the upload and add it again.',
  ],
  [/\/retry\/[^/]+$/, 'Only failed uploads can be retried: a completed one has its video.'],
  [
    /\/(empty|clean\/[^/]+|remove-unprocessed-children)$/,
    'It would remove jobs that uploads wait for. Cancel an upload to remove its jobs, or pause the queue.',
  ],
  [/\/obliterate$/, 'It would delete uploads, and the limits that keep the account within its quota.'],
  [
    /\/rate-limit(\/release)?$/,
    'The limits keep the account within its quota: the workers set them from VOD_QUOTA_INIT_PER_MINUTE and the other VOD_QUOTA variables.',
  ],
  [/\/concurrency$/, 'Concurrency is a setting of the workers: HASH_CONCURRENCY and PART_CONCURRENCY.'],
];

/**
 * The dashboard's actions, in place of Bull Board's, which are wrong for uploads. All others are refused, including those
 * that a later Bull Board may add.
 */
export function createButtons({ queues, uploads }: { queues: Queues; uploads: VodUploads }): Hono {
  const app = new Hono();
  const actions = new Map<string | undefined, QueueActions>(
    STAGES.map((stage) => [QUEUES[stage], new QueueActions(stage, queues, uploads)]),
  );
  const actionsOf = (context: Context): QueueActions => {
    const found = actions.get(context.req.param('queue'));
    if (found === undefined) throw new UploaderError('NOT_FOUND', 'no such queue');
    return found;
  };

  app.put('/api/queues/:queue/retry/failed', async (context) => {
    const { retried, cancelled } = await actionsOf(context).retryAll();
    if (cancelled === 0) return context.json({ retried, skipped: 0 });
    throw new UploaderError(
      'REFUSED',
      `Retried: ${retried}. Not retried: ${cancelled} cancelled; retry those one by one.`,
    );
  });
  app.put('/api/queues/:queue/promote', async (context) => {
    await actionsOf(context).promoteAll();
    return context.json({});
  });
  app.put('/api/queues/:queue/clean/:state{completed|failed}', async (context) => {
    await actionsOf(context).removeAll(context.req.param('state') as 'completed' | 'failed');
    return context.json({});
  });
  app.put('/api/queues/:queue/:job/:action{retry|promote|clean}', async (context) => {
    const { job, action } = context.req.param();
    const methods = { retry: 'retry', promote: 'promote', clean: 'remove' } as const;
    await actionsOf(context)[methods[action as keyof typeof methods]](job);
    return context.body(null, 204);
  });
  app.on(['POST', 'PUT', 'PATCH', 'DELETE'], '/*', async (context, next) => {
    const { path } = context.req;
    if (PAUSE_OR_RESUME.test(path)) return await next();
    const reason = REFUSED.find(([end]) => end.test(path))?.[1];
    return context.json(errorBody(reason ?? 'This dashboard does not support this action.'), 403);
  });

  app.onError((error, context) => {
    if (!(error instanceof UploaderError)) return context.json(errorBody(error.message), 500);
    return context.json(errorBody(error.message), error.code === 'NOT_FOUND' ? 404 : 409);
  });
  return app;
}

/** Bull Board shows `error` as a headline, and `message` below it. */
function errorBody(message: string): { error: string; message: string } {
  return { error: 'Not done', message };
}
