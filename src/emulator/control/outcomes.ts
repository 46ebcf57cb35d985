/** How a request ends: the plain reply, or what a fault makes of it. */
import type { ServerResponse } from 'node:http';
import { type Reply, refused } from '../protocol/reply.ts';
import type { Outcome } from './faults.ts';

const html = '<html><head><title>Gateway</title></head><body><h1>Bad gateway</h1></body></html>\n';

/** Whether the fault comes instead of the request's effect. */
export function precludesEffect(outcome: Outcome | undefined): boolean {
  switch (outcome?.kind) {
    case 'code':
      return true;
    case 'http':
    case 'html':
    case 'empty':
    case 'reset':
    case 'hang':
      return outcome.when !== 'after';
    default:
      return false;
  }
}

/** Ends the request with `reply` as the fault distorts it; returns how statistics call the result. */
export function respond(response: ServerResponse, reply: Reply, outcome: Outcome | undefined): string {
  switch (outcome?.kind) {
    case 'reset':
      response.socket?.resetAndDestroy();
      return 'reset';
    case 'hang':
      return 'hang';
    case 'http':
      end(response, outcome.status, 'text/html', html, outcome.headers);
      return `http ${outcome.status}`;
    case 'html':
      end(response, 200, 'text/html', html);
      return 'html';
    case 'empty':
      end(response, 200, 'application/json', '');
      return 'empty';
    case 'truncated': {
      const text = JSON.stringify(reply);
      endJson(response, text.slice(0, text.length / 2));
      return 'truncated';
    }
    case 'code': {
      const message = outcome.message ?? `injected fault ${outcome.code}`;
      const text = JSON.stringify(refused(outcome.code, message, outcome.canRetry));
      end(response, 200, 'application/json', text, outcome.headers);
      return String(outcome.code);
    }
    case 'unquotedFileId':
      endJson(response, JSON.stringify(reply).replace(/"fileId":"(\d+)"/, '"fileId":$1'));
      break;
    case 'noUrl':
      endJson(response, JSON.stringify({ ...reply, url: undefined }));
      break;
    case 'quirks':
      endJson(response, JSON.stringify(asInDocument(reply)));
      break;
    case 'wrongMd5':
      endJson(response, JSON.stringify(withWrongMd5(reply, outcome.offset)));
      break;
    default:
      endJson(response, JSON.stringify(reply));
  }
  return String(reply.code);
}

/** The document's own examples: fields left out, the last listed part with `dataSha` for `dataMd5`. */
function asInDocument({ code, message, listParts, fileId, url, vodTaskId, eventList }: Reply): object {
  const parts = listParts?.map(({ offset, dataSize, dataMd5 }, index) =>
    index === listParts.length - 1 ? { offset, dataSize, dataSha: dataMd5 } : { offset, dataSize, dataMd5 },
  );
  return { code, message, listParts: parts, fileId, url, vodTaskId, eventList };
}

/** As if the service had other bytes than were sent: each digit is another one. */
function withWrongMd5(reply: Reply, at: number | undefined): Reply {
  const { listParts } = reply;
  if (listParts === undefined) return reply;
  const other = (md5: string): string =>
    md5.replaceAll(/[0-9a-f]/g, (digit) => (15 - parseInt(digit, 16)).toString(16));
  const listed = listParts.map((part) =>
    at === undefined || at === part.offset ? { ...part, dataMd5: other(part.dataMd5) } : part,
  );
  return { ...reply, listParts: listed };
}

export function endJson(response: ServerResponse, text: string, status = 200): void {
  end(response, status, 'application/json', text);
}

function end(
  response: ServerResponse,
  status: number,
  type: string,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  const own = { 'content-type': `${type}; charset=utf-8`, 'content-length': Buffer.byteLength(text) };
  for (const [name, value] of Object.entries({ ...own, ...headers })) response.setHeader(name, value);
  response.writeHead(status).end(text);
}
