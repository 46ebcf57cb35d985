import { html } from 'hono/html';
import { UploaderError } from '../../base/errors.ts';
import { printable } from '../../base/printable.ts';
import { parseFailure } from '../../queue/failure.ts';
import type { Html } from './elements.ts';

/** An error as the pages show it. */
export interface PageError {
  readonly status: 403 | 404 | 409 | 422 | 500 | 503;
  readonly title: string;
  readonly text: string;
}

const KNOWN_ERRORS: Readonly<Record<string, Omit<PageError, 'text'>>> = {
  NOT_FOUND: { status: 404, title: 'No such upload' },
  NOT_FAILED: { status: 409, title: 'It can’t be retried now' },
  ENDED: { status: 409, title: 'It has already ended' },
  READ_ONLY: { status: 403, title: 'These pages are read-only' },
  BUSY: { status: 503, title: 'Too many requests' },
  REDIS_UNAVAILABLE: { status: 503, title: 'Redis is unavailable' },
  NEWER_JOB: { status: 422, title: 'This upload can’t be read' },
  INVALID_JOB: { status: 422, title: 'This upload can’t be read' },
};

/** The page for an error; of an unexpected one it shows no details. */
export function pageErrorOf(error: unknown): PageError {
  if (error instanceof UploaderError) {
    const known = KNOWN_ERRORS[error.code];
    if (known !== undefined) return { ...known, text: printable(error.message) };
  }
  const { code, message } = parseFailure(error instanceof Error ? error.message : '');
  const known = KNOWN_ERRORS[code];
  // Thrown by whatever parses a job's data that is not JSON.
  if (known === undefined && error instanceof SyntaxError)
    return { ...(KNOWN_ERRORS.INVALID_JOB as Omit<PageError, 'text'>), text: 'Its job’s data is not JSON.' };
  if (known !== undefined) return { ...known, text: printable(message) };
  return {
    status: 500,
    title: 'Something went wrong',
    text: 'The page could not be rendered; see the log of this process.',
  };
}

export function renderError({ title, text }: PageError, basePath: string): Html {
  return html`<div class="empty"><h1>${title}</h1><p>${text}</p><p><a href="${basePath}">Show all uploads</a></p></div>`;
}
