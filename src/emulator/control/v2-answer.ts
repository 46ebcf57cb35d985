/** Builds the answer of the v2 API from a reply, changed by the faults that only this API has. */
import { type Reply, refused } from '../protocol/reply.ts';
import type { Outcome } from './fault-schema.ts';
import type { Answer } from './outcome-reply.ts';

export function v2Answer(reply: Reply, outcome?: Outcome): Answer {
  const json = { status: 200, type: 'application/json' };
  if (outcome?.kind === 'code') {
    const message = outcome.message ?? `injected fault ${outcome.code}`;
    const text = JSON.stringify(refused(outcome.code, message, outcome.canRetry));
    return { ...json, text, headers: outcome.headers ?? {}, result: String(outcome.code) };
  }
  return { ...json, text: textOf(reply, outcome), result: String(reply.code) };
}

function textOf(reply: Reply, outcome: Outcome | undefined): string {
  switch (outcome?.kind) {
    case 'unquotedFileId':
      return JSON.stringify(reply).replace(/"fileId":"(\d+)"/, '"fileId":$1');
    case 'noUrl':
      return JSON.stringify({ ...reply, url: undefined });
    case 'quirks':
      return JSON.stringify(documentExample(reply));
    case 'wrongMd5':
      return JSON.stringify(withWrongMd5(reply, outcome.offset));
    default:
      return JSON.stringify(reply);
  }
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
