import { html } from 'hono/html';
import { UploaderError } from '../../base/errors.ts';
import { printable } from '../../base/printable.ts';
import { parseFailure } from '../../queue/failure.ts';
import type { Html } from './elements.ts';

/** What went wrong with a request, for its sender. */
export interface Sentence {
  readonly status: 403 | 404 | 409 | 422 | 500 | 503;
  readonly title: string;
  readonly text: string;
}

const MEANINGS: Readonly<Record<string, Omit<Sentence, 'text'>>> = {
  NOT_FOUND: { status: 404, title: 'No such upload' },
  NOT_FAILED: { status: 409, title: 'It can’t be retried now' },
  ENDED: { status: 409, title: 'It has ended already' },
  READ_ONLY: { status: 403, title: 'These pages are read-only' },
  BUSY: { status: 503, title: 'Too much at once' },
  REDIS_UNAVAILABLE: { status: 503, title: 'Redis is away' },
  NEWER_JOB: { status: 422, title: 'This upload can’t be read' },
  INVALID_JOB: { status: 422, title: 'This upload can’t be read' },
};

/** What an error means; of one that nobody planned for no more than that there was one. */
export function sentenceOf(error: unknown): Sentence {
  if (error instanceof UploaderError) {
    const meaning = MEANINGS[error.code];
    if (meaning !== undefined) return { ...meaning, text: printable(error.message) };
  }
  const { code, message } = parseFailure(error instanceof Error ? error.message : '');
  const meaning = MEANINGS[code];
  // A job's data that is no JSON at all is found out by whoever parses it.
  if (meaning === undefined && error instanceof SyntaxError)
    return { ...(MEANINGS.INVALID_JOB as Omit<Sentence, 'text'>), text: 'Its job’s data is not JSON.' };
  if (meaning !== undefined) return { ...meaning, text: printable(message) };
  return {
    status: 500,
    title: 'Something went wrong',
    text: 'The page could not be made; the log of this process has more.',
  };
}

export function renderError({ title, text }: Sentence, basePath: string): Html {
  return html`<div class="empty"><h1>${title}</h1><p>${text}</p><p><a href="${basePath}">Show all uploads</a></p></div>`;
}
