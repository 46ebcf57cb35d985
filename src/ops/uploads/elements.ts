import { basename } from 'node:path';
import { html } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';
import { formatBytes, formatBytesOf, formatClock, formatDuration } from '../../base/format.ts';
import { printable } from '../../base/printable.ts';
import { isTerminal, type UploadState, type UploadStatus } from '../../status/status.ts';
import { describeQuotaWait, stageProgress } from '../../upload/stage-progress.ts';

/** The result of `html`, which escapes inserted text. */
export type Html = HtmlEscapedString | Promise<HtmlEscapedString>;

/** In UTC, as the page says; the script converts it to the reader's time zone. */
export function renderTime(time: Date): Html {
  if (Number.isNaN(time.getTime())) return html`unknown`;
  const iso = time.toISOString();
  return html`<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')}</time>`;
}

export function renderState(state: UploadState, label: string = state): Html {
  return html`<span class="state state-${state}">${label}</span>`;
}

/** The name that an upload is shown by. */
export function fileNameOf({ source }: { readonly source: string }): string {
  return printable(basename(source) || source);
}

/** A name from outside; <bdi> keeps right-to-left text in it from reordering the text around it. */
export function renderName(name: string): Html {
  return html`<bdi>${printable(name)}</bdi>`;
}

/** A progress bar and text; before sizes are known, at most what the upload waits for. */
export function renderProgress(status: UploadStatus): Html | '' {
  const { state, progress, result } = status;
  const measure = stageProgress(progress);
  const { doneBytes, totalBytes, bytesPerSecond, leftMs, share, quotaWaitMs } = measure;
  if (result !== undefined) {
    const took = `sent in ${formatDuration(result.durationMs)}`;
    return html`<span class="amounts">${result.outcome === 'instant' ? 'VOD had it already' : took}</span>`;
  }
  const wait = quotaWaitMs === undefined ? '' : describeQuotaWait(quotaWaitMs);
  if (totalBytes === 0 || state === 'queued' || state === 'initializing')
    return wait === '' ? '' : html`<span class="amounts">${wait}</span>`;
  const percent = Math.floor(share * 100);
  const words = [
    `${percent} %${state === 'hashing' ? ' hashed' : ''}`,
    ...(isTerminal(state) ? [] : [formatBytesOf(doneBytes, totalBytes)]),
    ...(bytesPerSecond === undefined ? [] : [`${formatBytes(Math.round(bytesPerSecond))}/s`]),
    ...(leftMs === undefined || share >= 1 ? [] : [`${formatClock(leftMs)} left`]),
  ];
  const amounts = [...words.map((word) => word.replaceAll(' ', '\u00a0')), wait];
  return html`<progress max="100" value="${percent}" aria-label="Progress of ${fileNameOf(status)}"></progress> <span class="amounts">${amounts.filter((text) => text !== '').join(' · ')}</span>`;
}

const number = new Intl.NumberFormat('en');

/** `10,000` */
export function formatCount(count: number): string {
  return number.format(count);
}

export interface ButtonOptions {
  readonly basePath: string;
  readonly readOnly: boolean;
  /** Where to go afterwards: the table's query string with `?`, or empty for the upload's own page. */
  readonly back: string;
}

/** The button for what can be done with an upload now: a form that works without JavaScript. */
export function renderButtons(
  { id, state, name }: { readonly id: string; readonly state: UploadState; readonly name: string },
  { basePath, readOnly, back }: ButtonOptions,
): Html | '' {
  if (readOnly || state === 'completed') return '';
  const [verb, label] = isTerminal(state) ? ['retry', 'Retry'] : ['cancel', 'Cancel'];
  return html`<form method="post" action="${uploadPath(basePath, id)}/${verb}"><input type="hidden" name="back" value="${back}"><button class="${verb}">${label}<span class="unseen"> ${printable(name)}</span></button></form>`;
}

export function uploadPath(basePath: string, id: string): string {
  return `${basePath}/${encodeURIComponent(id)}`;
}

/** The DOM id of an upload's row. */
export function rowId(id: string): string {
  return `upload-${id}`;
}
