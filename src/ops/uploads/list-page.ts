import { html } from 'hono/html';
import { truncated } from '../../base/columns.ts';
import { formatBytes } from '../../base/format.ts';
import { printable } from '../../base/printable.ts';
import type { Blockers } from '../../status/blockers.ts';
import { UPLOAD_STATES, type UploadState, type UploadStatus } from '../../status/status.ts';
import type { UnreadableUpload, UploadPage } from '../../status/upload-page.ts';
import { renderBanner } from './banner.ts';
import {
  fileNameOf,
  formatCount,
  type Html,
  renderButtons,
  renderName,
  renderProgress,
  renderState,
  renderTime,
  rowId,
  uploadPath,
} from './elements.ts';
import { type ListQuery, listQueryString, PAGE_SIZE } from './query.ts';

export interface ListView {
  readonly query: ListQuery;
  readonly page: UploadPage;
  readonly blockers: Blockers;
  readonly basePath: string;
  readonly readOnly: boolean;
}

const NAME_LENGTH = 90;
const ERROR_LENGTH = 110;
const HEADS = ['State', 'File', 'Size', 'Progress', 'Attempt', 'Enqueued', 'Ended'] as const;

/** The search form; it keeps the selected state. */
export function renderSearch({ state, search }: ListQuery, basePath: string): Html {
  return html`<form class="search" role="search" action="${basePath}">
${state === undefined ? '' : html`<input type="hidden" name="state" value="${state}">`}
<label for="search">Search</label>
<input id="search" type="search" name="search" value="${search}" maxlength="500" aria-describedby="search-hint" autocomplete="off" spellcheck="false">
<button>Search</button>
<p id="search-hint" class="hint">Part of a file name or key, or a complete id, SHA-1 or fileId; with a slash, part of a path.</p>
</form>`;
}

/** The current table with its filters and paging. */
export function renderList(view: ListView): Html {
  const { query, page, blockers, basePath } = view;
  return html`${renderBanner(blockers)}
${renderStates(query, page, basePath)}
<p id="news" class="unseen">${newsOf(page)}</p>
<p id="summary">${summaryOf(view)}</p>
${page.uploads.length === 0 ? renderNothing(view) : renderTable(view)}
${renderPaging(query, page, basePath)}`;
}

function renderStates({ state: shown, search }: ListQuery, { counts }: UploadPage, basePath: string): Html {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const link = (state: UploadState | undefined, label: string, count: number): Html => {
    const query = listQueryString({ ...(state !== undefined && { state }), search, page: 1 });
    const current = state === shown ? html` aria-current="page"` : '';
    return html`<li><a id="state-${label}" class="${count === 0 ? 'none' : ''}" href="${basePath}${query}"${current}>${label} <span class="count">${formatCount(count)}</span></a></li>`;
  };
  return html`<nav aria-label="States"><ul class="states">${link(undefined, 'all', all)}${UPLOAD_STATES.map((state) => link(state, state, counts[state]))}</ul></nav>`;
}

/** Announced by screen readers when it changes. */
function newsOf({ counts }: UploadPage): string {
  const states = UPLOAD_STATES.filter((state) => counts[state] > 0);
  return states.map((state) => `${formatCount(counts[state])} ${state}`).join(', ');
}

function summaryOf({ query, page }: ListView): string {
  const { uploads, total, more } = page;
  const first = (query.page - 1) * PAGE_SIZE + 1;
  const range = `${formatCount(first)} to ${formatCount(first + uploads.length - 1)}`;
  const order =
    query.state === undefined
      ? ' Order: uploading, then hashing and initializing, then queued in their order, then ended, latest first.'
      : '';
  if (uploads.length === 0) return 'No uploads to show.';
  if (total !== undefined) return `Uploads ${range} of ${formatCount(total)}.${order}`;
  return `Uploads ${range} that match “${printable(query.search)}”${more ? '; there are more' : ''}.`;
}

/** Explicit roles, because the CSS that shows cards on narrow screens removes the table's own. */
function renderTable(view: ListView): Html {
  const heads = HEADS.map((head) => html`<th scope="col" role="columnheader">${head}</th>`);
  const actions = view.readOnly
    ? ''
    : html`<th scope="col" role="columnheader"><span class="unseen">Action</span></th>`;
  return html`<table role="table">
<caption class="unseen">Uploads</caption>
<thead role="rowgroup"><tr role="row">${heads}${actions}</tr></thead>
<tbody role="rowgroup">${view.page.uploads.map((upload) => ('unreadable' in upload ? renderUnreadable(upload, view) : renderRow(upload, view)))}</tbody>
</table>`;
}

function renderRow(upload: UploadStatus, view: ListView): Html {
  const { id, state, progress, attempt, createdAt, finishedAt, error } = upload;
  const { basePath, readOnly } = view;
  const name = fileNameOf(upload);
  const failure =
    error === undefined || state === 'cancelled'
      ? ''
      : html`<p class="reason"><b>${error.code}</b> ${truncated(error.message, ERROR_LENGTH)}</p>`;
  const buttons = renderButtons({ id, state, name }, { basePath, readOnly, back: backTo(view.query) });
  return html`<tr id="${rowId(id)}" role="row">
<td role="cell" class="of-state">${renderState(state)}</td>
<th scope="row" role="rowheader"><a href="${uploadPath(basePath, id)}">${renderName(truncated(name, NAME_LENGTH))}</a>${failure}</th>
<td role="cell" class="of-size">${progress.totalBytes > 0 ? formatBytes(progress.totalBytes) : ''}</td>
<td role="cell" class="of-progress">${renderProgress(upload)}</td>
<td role="cell" class="of-attempt"><span class="label">attempt </span>${attempt}</td>
<td role="cell" class="of-time"><span class="label">enqueued </span>${renderTime(createdAt)}</td>
<td role="cell" class="of-time">${finishedAt === undefined ? '' : html`<span class="label">ended </span>${renderTime(finishedAt)}`}</td>
${readOnly ? '' : html`<td role="cell" class="of-buttons">${buttons}</td>`}
</tr>`;
}

function renderUnreadable(
  { id, state, unreadable }: UnreadableUpload,
  { basePath, readOnly }: ListView,
): Html {
  return html`<tr id="${rowId(id)}" role="row">
<td role="cell" class="of-state">${renderState(state)}</td>
<th scope="row" role="rowheader"><a href="${uploadPath(basePath, id)}">${renderName(id)}</a><p class="reason"><b>unreadable</b> ${truncated(unreadable, ERROR_LENGTH)}</p></th>
<td role="cell" colspan="${readOnly ? 5 : 6}"></td>
</tr>`;
}

function renderNothing({ query, page, basePath }: ListView): Html {
  const all = Object.values(page.counts).reduce((sum, count) => sum + count, 0);
  if (all === 0) {
    return html`<div class="empty"><h2>No uploads yet</h2><p>Applications add them with <code>VodUploads.add()</code>, people with <code>vod-upload add FILE</code>.</p></div>`;
  }
  const what = query.search === '' ? 'No uploads' : html`Nothing matches “${printable(query.search)}”`;
  const where = query.state === undefined ? '' : ` in state ${query.state}`;
  return html`<div class="empty"><h2>${what}${where}</h2><p>Finished uploads are kept for a limited time. <a href="${basePath}">Show all uploads</a></p></div>`;
}

function renderPaging(query: ListQuery, { more }: UploadPage, basePath: string): Html {
  const to = (page: number): string => `${basePath}${listQueryString({ ...query, page })}`;
  const before = query.page > 1 ? html`<a rel="prev" href="${to(query.page - 1)}">Previous page</a>` : '';
  const after = more ? html`<a rel="next" href="${to(query.page + 1)}">Next page</a>` : '';
  return html`<nav class="paging" aria-label="Pages">${before} ${after}</nav>`;
}

/** Never empty: that would mean the upload's own page. */
function backTo(query: ListQuery): string {
  return listQueryString(query) || '?';
}
