import { expect, it } from 'vitest';
import { uploadResult } from '../../../src/flow/upload-result.ts';
import { PART_SAME } from '../../../src/queue/jobs/part.ts';
import { childrenOf, data, hashed, send } from './sample-upload.ts';

const MIB = 1_048_576;
const video = { fileId: '9', url: 'u' };

it('counts the parts that were sent in all rounds of the attempt', () => {
  const children = childrenOf({
    ...{ 'r1-hash': hashed, 'r1-init': send([1, 2]), 'r1-p1': null, 'r1-p2': null },
    ...{ 'r1.1-init': send([1, 1]), 'r1.1-p1': null, 'r1.1-p0': PART_SAME },
    'r1.2-init': { kind: 'exists', fileId: '9', url: 'u' },
  });
  const upload = { data, run: { attempt: 1, round: 2 }, children, durationMs: 7 };
  expect(uploadResult({ ...video, outcome: 'completed' }, upload)).toEqual({
    ...{ ...video, outcome: 'completed', fileSha: hashed.fileSha, fileSize: 2 * MIB + 1 },
    ...{ name: 'n', type: 'mp4', partsSent: 3, partsSkipped: 1, bytesSent: 2 * MIB + 1 },
    ...{ metadataApplied: true, durationMs: 7 },
  });
});

it('skips all parts of an instant upload', () => {
  const children = childrenOf({ 'r1-hash': hashed, 'r1-init': { kind: 'exists', ...video } });
  const upload = { data, run: { attempt: 1, round: 0 }, children, durationMs: 7 };
  expect(uploadResult({ ...video, outcome: 'instant' }, upload)).toMatchObject({
    ...{ partsSent: 0, partsSkipped: 3, bytesSent: 0, metadataApplied: false },
  });
});
