import { html } from 'hono/html';
import type { Html } from './elements.ts';

export interface PageParts {
  readonly title: string;
  readonly basePath: string;
  readonly dashboardPath: string;
  /** URL of an asset. */
  readonly asset: (name: string) => string;
  readonly content: Html;
}

/** A complete document; it loads only its own style sheet, script and icon. */
export function renderPage({ title, basePath, dashboardPath, asset, content }: PageParts): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} – vod-upload</title>
<link rel="icon" type="image/svg+xml" href="${asset('icon.svg')}">
<link rel="stylesheet" href="${asset('uploads.css')}">
<script type="module" src="${asset('uploads.js')}"></script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<strong>vod-upload</strong>
<nav aria-label="Main"><a href="${basePath}">Uploads</a> <a href="${dashboardPath}">Queues</a></nav>
</header>
<main id="main" tabindex="-1">
${content}
</main>
<footer><p>Times are in <span class="zone">UTC</span>. <noscript>Reload the page to see changes.</noscript></p></footer>
</body>
</html>`;
}

/** The part of a page that is updated from `liveUrl` while the page is open. */
export function renderLive(liveUrl: string, fragment: Html): Html {
  return html`<p id="connection" class="banner" role="status" hidden></p>
<p id="announcer" class="unseen" role="status"></p>
<div id="live" data-live="${liveUrl}">${fragment}</div>`;
}

/** The result of a pressed button, with a link to the upload when it is not on this page. */
export function renderNotice(text: string | undefined, href: string | undefined): Html | '' {
  if (text === undefined) return '';
  const link = href === undefined ? '' : html`<a href="${href}">Show it</a>`;
  return html`<p class="notice" role="status">${text} ${link}</p>`;
}
