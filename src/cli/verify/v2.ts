import { createHash } from 'node:crypto';
import type { VodClient } from '../../vod/client.ts';
import { PART_SIZES } from '../../vod/wire/protocol.ts';
import { type Findings, urlForm } from './report.ts';

const PART_BYTES = PART_SIZES[0];

/**
 * Uploads the content by v2.
 * @returns the id of the video; undefined if there is none
 */
export async function verifyV2(
  client: VodClient,
  { name, content }: { readonly name: string; readonly content: Buffer },
  findings: Findings,
): Promise<string | undefined> {
  const fileSha = createHash('sha1').update(content).digest('hex');
  const init = {
    ...{ fileName: name, fileType: 'mp4', fileSha, fileSize: content.byteLength, dataSize: PART_BYTES },
  };
  const begun = await findings.ask(
    'initUpload',
    (signal) => client.initUpload(init, signal),
    ({ kind }) => `yes, ${kind}`,
  );
  if (begun === undefined) return undefined;
  const sent = await findings.ask('uploadPart', async (signal) => {
    for (let offset = 0; offset < content.byteLength; offset += PART_BYTES) {
      const body = content.subarray(offset, offset + PART_BYTES);
      const dataMd5 = createHash('md5').update(body).digest('hex');
      await client.uploadPart({ fileSha, offset, dataMd5, body }, signal);
    }
    return true;
  });
  if (sent === undefined) return undefined;
  const finished = await findings.ask('finishUpload', (signal) => client.finishUpload(fileSha, signal));
  if (finished !== undefined) findings.set('url', urlForm(finished.url));
  const again = await findings.ask(
    'secondInit',
    (signal) => client.initUpload(init, signal),
    (result) => (result.kind === 'exists' ? `exists${sameId(result.fileId, finished?.fileId)}` : result.kind),
  );
  await findings.ask(
    'secondFinish',
    (signal) => client.finishUpload(fileSha, signal),
    ({ fileId }) => `yes${sameId(fileId, finished?.fileId)}`,
  );
  return finished?.fileId ?? (again?.kind === 'exists' ? again.fileId : undefined);
}

function sameId(fileId: string, first: string | undefined): string {
  if (first === undefined) return '';
  return fileId === first ? ', with the same fileId' : ', with another fileId';
}
