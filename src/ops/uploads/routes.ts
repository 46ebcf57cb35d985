import { type Context, Hono } from 'hono';
import { html } from 'hono/html';
import type { StatusCode } from 'hono/utils/http-status';
import { UploaderError } from '../../base/errors.ts';
import type { VodUploads } from '../../client/vod-uploads.ts';
import type { Logger } from '../../process/log.ts';
import { isTerminal } from '../../status/status.ts';
import { loadAssets } from './assets.ts';
import { renderDetails } from './detail-page.ts';
import { fileNameOf, type Html, rowId, uploadPath } from './elements.ts';
import { pageErrorOf, renderError } from './errors.ts';
import { renderLive, renderNotice, renderPage } from './layout.ts';
import { LimitedReads } from './limited-reads.ts';
import { renderList, renderSearch } from './list-page.ts';
import { LiveUpdates } from './live-updates.ts';
import { PacedReads } from './paced-reads.ts';
import { type ListQuery, listQueryString, PAGE_SIZE, parseListQuery } from './query.ts';

export interface UploadPagesOptions {
  readonly uploads: VodUploads;
  readonly readOnly: boolean;
  /** Path of the pages, `/uploads`. */
  readonly basePath: string;
  /** Path of the dashboard of the queues. */
  readonly dashboardPath: string;
  readonly log: Logger;
}

/** Messages about the pressed button, by the query parameter `did`. */
const NOTICES: Readonly<Record<string, string>> = {
  retried: 'It is being retried.',
  cancelled: 'It is cancelled.',
  marked: 'Cancellation requested: it ends as soon as a worker processes it.',
};

/** The table of uploads, and a page for each upload. */
export function createUploadPages(options: UploadPagesOptions): Hono {
  const { uploads, readOnly, basePath, dashboardPath, log } = options;
  const app = new Hono();
  const assets = loadAssets(`${basePath}/assets`);
  const live = new LiveUpdates(new PacedReads());
  const reads = new LimitedReads();
  const view = { basePath, dashboardPath, readOnly };

  const send = (context: Context, title: string, content: Html, status = 200) => {
    context.status(status as StatusCode);
    return context.html(renderPage({ title, basePath, dashboardPath, asset: assets.url, content }));
  };
  const list = async (query: ListQuery): Promise<Html> => {
    const { state, search, page } = query;
    const offset = (page - 1) * PAGE_SIZE;
    const [found, blockers] = await Promise.all([
      uploads.page({ state, search, offset, limit: PAGE_SIZE, order: 'activity' }),
      uploads.blockers(),
    ]);
    return renderList({ ...view, query, page: found, blockers });
  };
  const queryOf = (context: Context): ListQuery => parseListQuery(new URL(context.req.url).searchParams);
  const noticeOf = (context: Context): Html | '' => {
    const { did = '', to } = context.req.query();
    return renderNotice(
      Object.hasOwn(NOTICES, did) ? NOTICES[did] : undefined,
      to === undefined ? undefined : uploadPath(basePath, to),
    );
  };
  const idOf = (context: Context): string => context.req.param('id') ?? '';

  app.onError((error, context) => {
    const pageError = pageErrorOf(error);
    if (pageError.status === 500)
      log.error({ err: error, path: context.req.path }, 'page could not be rendered');
    return send(context, pageError.title, renderError(pageError, basePath), pageError.status);
  });

  app.get('/assets/:name', (context) => assets.serve(context, context.req.param('name')));

  app.get('/', async (context) => {
    const query = queryOf(context);
    const fragment = await reads.take(`list${listQueryString(query)}`, () => list(query));
    const liveUrl = `${basePath}/live${listQueryString(query)}`;
    const content = html`<h1>Uploads</h1>
${noticeOf(context)}${renderSearch(query, basePath)}
${renderLive(liveUrl, fragment)}`;
    return send(context, 'Uploads', content);
  });

  app.get('/live', (context) => {
    const query = queryOf(context);
    return live.stream(context, `list${listQueryString(query)}`, async () => String(await list(query)));
  });

  app.get('/:id', async (context) => {
    const id = idOf(context);
    const read = () => Promise.all([uploads.details(id), uploads.blockers()]);
    const [details, blockers] = await reads.take(`upload ${id}`, read);
    const { status } = details;
    const fragment = renderDetails({ ...view, details, blockers });
    const content = html`<nav aria-label="Back"><a href="${basePath}">All uploads</a></nav>
${noticeOf(context)}${renderLive(`${uploadPath(basePath, status.id)}/live`, fragment)}`;
    return send(context, fileNameOf(status), content);
  });

  app.get('/:id/live', (context) => {
    const id = idOf(context);
    return live.stream(context, `upload ${id}`, async () => {
      const [details, blockers] = await Promise.all([uploads.details(id), uploads.blockers()]);
      return String(await renderDetails({ ...view, details, blockers }));
    });
  });

  app.post('/:id/:action{retry|cancel}', async (context) => {
    if (readOnly) throw new UploaderError('READ_ONLY', 'Uploads can’t be retried or cancelled here.');
    const id = idOf(context);
    if (context.req.param('action') === 'retry') {
      await uploads.retry(id);
      return await goBack(context, id, 'retried');
    }
    if (!(await uploads.cancel(id))) {
      throw new UploaderError('ENDED', `Upload ${id} completed or failed before it could be cancelled.`);
    }
    const { state } = await uploads.status(id);
    return await goBack(context, id, isTerminal(state) ? 'cancelled' : 'marked');
  });

  /** Redirects to the page that the button was on. */
  const goBack = async (context: Context, id: string, did: string): Promise<Response> => {
    const { back } = await context.req.parseBody();
    if (typeof back !== 'string' || !back.startsWith('?'))
      return context.redirect(`${uploadPath(basePath, id)}?did=${did}`, 303);
    const query = listQueryString(parseListQuery(new URLSearchParams(back)));
    const result = new URLSearchParams({ did, to: id });
    return context.redirect(`${basePath}${query === '' ? '?' : `${query}&`}${result}#${rowId(id)}`, 303);
  };
  return app;
}
