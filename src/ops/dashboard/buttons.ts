import { type Context, Hono } from 'hono';
import { UploaderError } from '../../base/errors.ts';
import type { VodUploads } from '../../client/vod-uploads.ts';
import { QUEUES, STAGES } from '../../queue/names.ts';
import type { Queues } from '../../queue/queues.ts';
import { QueueActions } from './actions.ts';

/** Bull Board's own do what they say; BullMQ keeps a paused queue's jobs as they are. */
const PAUSE_OR_RESUME = /\/api\/queues\/([^/]+\/)?(pause|resume)$/;

/** Why the others are not for people, by the end of their path. */
const REFUSED: readonly (readonly [path: RegExp, reason: string])[] = [
  [/\/add$/, 'Uploads are added by your application or with `vod-upload add`, which check them first.'],
  [
    /\/(update-data|delay|priority)$/,
    'What a job is was decided when its upload was added, and an upload under way relies on it. Cancel the upload and add it anew.',
  ],
  [/\/retry\/[^/]+$/, 'Only failed uploads can be retried: a completed one has its video.'],
  [
    /\/(empty|clean\/[^/]+|remove-unprocessed-children)$/,
    'It would take jobs away that uploads wait for. Cancel an upload, and its jobs go; or pause the queue.',
  ],
  [/\/obliterate$/, 'It would delete uploads, and the limits that keep the account within its quota.'],
  [
    /\/rate-limit(\/release)?$/,
    'The limits keep the account within its quota: the workers set them from VOD_QUOTA_INIT_PER_MINUTE and its like.',
  ],
  [
    /\/concurrency$/,
    'How much is done at a time is for the workers to say, with HASH_CONCURRENCY and PART_CONCURRENCY.',
  ],
];

/**
 * All that the dashboard can change; it stands before Bull Board, which does none of it right for uploads. What is not
 * named here is refused, also what a later Bull Board may come to offer.
 */
export function createButtons({ queues, uploads }: { queues: Queues; uploads: VodUploads }): Hono {
  const app = new Hono();
  const actions = new Map<string | undefined, QueueActions>(
    STAGES.map((stage) => [QUEUES[stage], new QueueActions(stage, queues, uploads)]),
  );
  const on = (context: Context): QueueActions => {
    const found = actions.get(context.req.param('queue'));
    if (found === undefined) throw new UploaderError('NOT_FOUND', 'there is no such queue');
    return found;
  };

  app.put('/api/queues/:queue/retry/failed', async (context) => {
    const { retried, cancelled } = await on(context).retryAll();
    if (cancelled === 0) return context.json({ retried, skipped: 0 });
    throw new UploaderError(
      'REFUSED',
      `Retried: ${retried}. Not retried: ${cancelled} that somebody cancelled; retry those one by one.`,
    );
  });
  app.put('/api/queues/:queue/promote', async (context) => {
    await on(context).promoteAll();
    return context.json({});
  });
  app.put('/api/queues/:queue/clean/:state{completed|failed}', async (context) => {
    await on(context).removeAll(context.req.param('state') as 'completed' | 'failed');
    return context.json({});
  });
  app.put('/api/queues/:queue/:job/:action{retry|promote|clean}', async (context) => {
    const { job, action } = context.req.param();
    const does = { retry: 'retry', promote: 'promote', clean: 'remove' } as const;
    await on(context)[does[action as keyof typeof does]](job);
    return context.body(null, 204);
  });
  app.on(['POST', 'PUT', 'PATCH', 'DELETE'], '/*', async (context, next) => {
    const { path } = context.req;
    if (PAUSE_OR_RESUME.test(path)) return await next();
    const reason = REFUSED.find(([end]) => end.test(path))?.[1];
    return context.json(told(reason ?? 'This dashboard does not offer that.'), 403);
  });

  app.onError((error, context) => {
    if (!(error instanceof UploaderError)) return context.json(told(error.message), 500);
    return context.json(told(error.message), error.code === 'NOT_FOUND' ? 404 : 409);
  });
  return app;
}

/** Bull Board shows `error` as a headline, and `message` below it. */
function told(message: string): { error: string; message: string } {
  return { error: 'Not done', message };
}
