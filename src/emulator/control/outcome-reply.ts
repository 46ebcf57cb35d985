/** Sends the reply, or what a fault turns it into. */
import type { ServerResponse } from 'node:http';
import { send, sendJson } from '../http/send.ts';
import { type Reply, refused } from '../protocol/reply.ts';
import type { Outcome } from './fault-schema.ts';

const HTML = '<html><head><title>Gateway</title></head><body><h1>Bad gateway</h1></body></html>\n';

/** Whether the fault replaces the request's effect. */
export function replacesEffect(outcome: Outcome | undefined): boolean {
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

/** Ends the request with `reply`, changed by the fault. @returns the result's name in the statistics. */
export function respond(response: ServerResponse, reply: Reply, outcome: Outcome | undefined): string {
  switch (outcome?.kind) {
    case 'reset':
      response.socket?.resetAndDestroy();
      return 'reset';
    case 'hang':
      return 'hang';
    case 'http':
      send(response, outcome.status, 'text/html', HTML, outcome.headers);
      return `http ${outcome.status}`;
    case 'html':
      send(response, 200, 'text/html', HTML);
      return 'html';
    case 'empty':
      send(response, 200, 'application/json', '');
      return 'empty';
    case 'truncated': {
      const text = JSON.stringify(reply);
      sendJson(response, text.slice(0, text.length / 2));
      return 'truncated';
    }
    case 'code': {
      const message = outcome.message ?? `injected fault ${outcome.code}`;
      const text = JSON.stringify(refused(outcome.code, message, outcome.canRetry));
      send(response, 200, 'application/json', text, outcome.headers);
      return String(outcome.code);
    }
    case 'unquotedFileId':
      sendJson(response, JSON.stringify(reply).replace(/"fileId":"(\d+)"/, '"fileId":$1'));
      break;
    case 'noUrl':
      sendJson(response, JSON.stringify({ ...reply, url: undefined }));
      break;
    case 'quirks':
      sendJson(response, JSON.stringify(documentExample(reply)));
      break;
    case 'wrongMd5':
      sendJson(response, JSON.stringify(withWrongMd5(reply, outcome.offset)));
      break;
    default:
      sendJson(response, JSON.stringify(reply));
  }
  return String(reply.code);
}

/** As in the document's examples: fields missing, and `dataSha` instead of `dataMd5` in the last listed part. */
function documentExample({ code, message, listParts, fileId, url, vodTaskId, eventList }: Reply): object {
  const parts = listParts?.map(({ offset, dataSize, dataMd5 }, index) =>
    index === listParts.length - 1 ? { offset, dataSize, dataSha: dataMd5 } : { offset, dataSize, dataMd5 },
  );
  return { code, message, listParts: parts, fileId, url, vodTaskId, eventList };
}

/** Replaces every digit of the MD5, of all parts or of the one at `offset`. */
function withWrongMd5(reply: Reply, offset: number | undefined): Reply {
  const { listParts } = reply;
  if (listParts === undefined) return reply;
  const other = (md5: string): string =>
    md5.replaceAll(/[0-9a-f]/g, (digit) => (15 - parseInt(digit, 16)).toString(16));
  const listed = listParts.map((part) =>
    offset === undefined || offset === part.offset ? { ...part, dataMd5: other(part.dataMd5) } : part,
  );
  return { ...reply, listParts: listed };
}
