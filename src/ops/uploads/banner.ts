import { html } from 'hono/html';
import { QUEUES, type Stage } from '../../queue/names.ts';
import { describeHold, HOLD_TEXTS } from '../../quota/hold.ts';
import type { Blockers } from '../../status/blockers.ts';
import { type Html, renderTime } from './elements.ts';

/** What blocks all uploads; empty when nothing does. Screen readers announce changes. */
export function renderBanner({ hold, paused, unattended }: Blockers): Html {
  const lines: Html[] = [];
  if (hold !== undefined) {
    lines.push(
      html`<p><strong>${HOLD_TEXTS[hold.kind].title}</strong> since ${renderTime(new Date(hold.since))}: ${describeHold(hold)}</p>`,
    );
  }
  if (paused.length > 0) {
    lines.push(
      html`<p><strong>Paused</strong> by a user: ${queues(paused)}. Uploads continue when ${paused.length > 1 ? 'they are' : 'it is'} resumed, for example in the dashboard.</p>`,
    );
  }
  if (unattended.length > 0) {
    lines.push(
      html`<p><strong>No worker</strong> is connected for ${queues(unattended)}. Uploads wait there until one is started.</p>`,
    );
  }
  return html`<div id="banner" aria-live="polite">${lines.length > 0 ? html`<div class="banner">${lines}</div>` : ''}</div>`;
}

function queues(stages: readonly Stage[]): string {
  return stages.map((stage) => QUEUES[stage]).join(', ');
}
