import { html } from 'hono/html';
import { formatBytes, formatDuration } from '../../base/format.ts';
import { printable } from '../../base/printable.ts';
import type { UploadResult } from '../../queue/jobs/upload-result.ts';
import { QUEUES } from '../../queue/names.ts';
import type { Blockers } from '../../status/blockers.ts';
import type { UploadDetails } from '../../status/details.ts';
import { countPartStates } from '../../status/part-states.ts';
import { isTerminal } from '../../status/status.ts';
import { adviceFor } from './advice.ts';
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
} from './elements.ts';
import { renderParts } from './part-strip.ts';

export interface DetailView {
  readonly details: UploadDetails;
  readonly blockers: Blockers;
  readonly basePath: string;
  readonly dashboardPath: string;
  readonly readOnly: boolean;
}

/** The current state of one upload. */
export function renderDetails({ details, blockers, basePath, dashboardPath, readOnly }: DetailView): Html {
  const { status, cancelling, history, parts } = details;
  const { id, state, error, result } = status;
  const name = fileNameOf(status);
  const buttons = renderButtons({ id, state, name }, { basePath, readOnly, back: '' });
  return html`${state === 'completed' ? '' : renderBanner(blockers)}
<div class="headline"><h1>${renderName(name)}</h1>${buttons}</div>
<p id="news" class="unseen">${name} is ${state}.</p>
<p id="summary">${renderState(state)} ${cancelling ? 'It is being cancelled: it ends as soon as a worker processes it.' : ''}</p>
<div id="progress" class="progress">${renderProgress(status)}</div>
${
  error === undefined
    ? ''
    : html`<section id="error" class="failure" aria-labelledby="error-title"><h2 id="error-title">${state === 'cancelled' ? 'Cancelled' : 'Why it failed'}</h2>
<p>${printable(error.message)} <code>${error.code}</code></p><p><strong>What to do:</strong> ${adviceFor(error)}</p></section>`
}
${result === undefined ? '' : renderVideo(result)}
<section id="parts" aria-labelledby="parts-title"><h2 id="parts-title">Parts</h2>
${parts === undefined ? html`<p>${whyNoParts(details)}</p>` : renderPartsSection(parts, isTerminal(state))}</section>
<section id="history" aria-labelledby="history-title"><h2 id="history-title">History</h2>
${history.length === 0 ? html`<p>There are no entries yet.</p>` : ''}
<ol class="history">${history.map(({ at, text }) => html`<li>${renderTime(at)} <span>${printable(text)}</span></li>`)}</ol></section>
<section id="properties" aria-labelledby="properties-title"><h2 id="properties-title">Properties</h2>
<dl>${propertiesOf(details).map(([label, value]) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>
<p><a href="${dashboardPath}/queue/${QUEUES.upload}/${encodeURIComponent(id)}">Its job in the dashboard</a></p></section>`;
}

function renderVideo({ fileId, url, metadataApplied }: UploadResult): Html {
  const kept = metadataApplied
    ? ''
    : html`<p>VOD had this video already; it keeps its earlier name, tags and flags.</p>`;
  return html`<section id="video" class="notice" aria-labelledby="video-title"><h2 id="video-title">The video in VOD</h2>
<p>fileId <code>${fileId}</code><br>${renderUrl(url)}</p>${kept}</section>`;
}

function whyNoParts({ data, status }: UploadDetails): string {
  if (data === undefined) return 'It is processed by a newer version than this one.';
  if (isTerminal(status.state)) return 'It ended before InitUpload was called.';
  return 'InitUpload has not been called yet.';
}

function renderPartsSection(parts: NonNullable<UploadDetails['parts']>, ended: boolean): Html {
  const { skipped, sent } = countPartStates(parts);
  return html`<p>VOD has ${formatCount(skipped + sent)} of ${formatCount(parts.length)}.</p>${renderParts(parts, ended)}`;
}

function propertiesOf({
  status,
  data,
  dueAt,
}: UploadDetails): (readonly [label: string, value: Html | string])[] {
  const { id, source, name, type, key, attempt, createdAt, finishedAt, progress, result, state } = status;
  const tags = data?.video.tags;
  const sha = result?.fileSha ?? data?.hashed?.fileSha;
  const properties: (readonly [string, Html | string | undefined])[] = [
    ['Id', html`<code>${printable(id)}</code>`],
    ['Key', key === undefined ? undefined : renderName(key)],
    ['Source', renderName(source)],
    ['Name in VOD', renderName(`${name}.${type}`)],
    ['Tags', tags && renderName(tags.join(', '))],
    ['Size', progress.totalBytes > 0 ? formatBytes(progress.totalBytes) : undefined],
    ['SHA-1', sha === undefined ? undefined : html`<code>${sha}</code>`],
    ['Attempt', String(attempt)],
    ['Priority', state === 'queued' && data ? `${data.priority} (1 goes first, 10 last)` : undefined],
    ['Enqueued', renderTime(createdAt)],
    ['Next run', dueAt && renderTime(dueAt)],
    ['Ended', finishedAt && renderTime(finishedAt)],
    ['Took', result && formatDuration(result.durationMs)],
  ];
  return properties.flatMap(([label, value]) => (value === undefined ? [] : [[label, value] as const]));
}

/** A link only for http and https: the URL comes from VOD, or from anybody who can write to Redis. */
function renderUrl(url: string | null): Html {
  if (url === null) return html`VOD returned no URL for it.`;
  const shown = renderName(url);
  return /^https?:\/\//.test(url) ? html`<a href="${url}" rel="noreferrer noopener">${shown}</a>` : shown;
}
