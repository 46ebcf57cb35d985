import { Children } from '../../../src/flow/children.ts';
import { SCHEMA_VERSION } from '../../../src/queue/jobs/schema.ts';
import type { UploadData } from '../../../src/queue/jobs/upload.ts';

const MIB = 1_048_576;
/** Three parts. */
export const hashed = {
  fileSha: 'a'.repeat(40),
  version: { size: 2 * MIB + 1, mtimeNs: '1', inode: '2' },
};

export const data: UploadData = {
  ...{ schema: SCHEMA_VERSION, source: '/srv/x.mp4', priority: 5, nonce: 'n' },
  video: { name: 'n', type: 'mp4', partSize: MIB },
};

export const send = (...missing: [number, number][]) => ({ kind: 'send', partSize: MIB, missing });

/** @param results by child id without the upload's */
export function childrenOf(
  results: Readonly<Record<string, unknown>>,
  failures: Readonly<Record<string, string>> = {},
): Children {
  const byKey = <T>(byId: Readonly<Record<string, T>>) =>
    Object.fromEntries(Object.entries(byId).map(([id, value]) => [`{vod}:any:u-${id}`, value]));
  return new Children('u', byKey(results), byKey(failures));
}
