import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Facts, MAX_REFUSALS, MAX_ROUNDS, nextStep } from '../../../src/flow/next-step.ts';
import type { FinishValue } from '../../../src/queue/jobs/finish.ts';
import type { Hashed } from '../../../src/queue/jobs/hash.ts';
import type { InitValue } from '../../../src/queue/jobs/init.ts';
import type { StoredResult } from '../../../src/queue/jobs/upload-result.ts';

const hashed: Hashed = { fileSha: 'a'.repeat(40), version: { size: 3_000_000, mtimeNs: '1', inode: '2' } };
const send: InitValue = { kind: 'send', partSize: 1048576, missing: [[0, 2]] };
const exists: InitValue = { kind: 'exists', fileId: '1', url: 'u' };
const finished: FinishValue = { kind: 'finished', fileId: '9', url: 'v' };
const unknown: FinishValue = { kind: 'unknown', reason: 'no reply [TIMEOUT, retryable]' };
const refused: FinishValue = { kind: 'refused', reason: '2 parts missing [-10003]' };
const nothing: Facts = {
  ...{ cancelled: false, partsDone: 0, partsPlanned: 0 },
  ...{ round: 0, refusals: 0, refusedBefore: false },
};
const planned: Facts = { ...nothing, hashed, init: send, partsPlanned: 3 };
const failure = { code: '4000', message: 'bad', retryable: false };

describe('nextStep', () => {
  it('goes from hash to settle', () => {
    expect(nextStep(nothing)).toEqual({ kind: 'hash' });
    expect(nextStep({ ...nothing, hashed })).toEqual({ kind: 'init', hashed, compare: false });
    expect(nextStep(planned)).toEqual({ kind: 'parts', hashed, init: send });
    expect(nextStep({ ...planned, partsDone: 2 }).kind).toBe('parts');
    expect(nextStep({ ...planned, partsDone: 3 })).toEqual({ kind: 'finish', hashed, init: send });
    expect(nextStep({ ...planned, partsDone: 3, finish: finished })).toMatchObject({
      kind: 'settle',
      outcome: 'completed',
      fileId: '9',
    });
  });

  it('settles at once if VOD has the file', () => {
    expect(nextStep({ ...nothing, hashed, init: exists })).toMatchObject({
      kind: 'settle',
      outcome: 'instant',
    });
  });

  it('counts a file that VOD has in a later round as sent by this upload', () => {
    expect(nextStep({ ...nothing, hashed, init: exists, round: 1 })).toMatchObject({ outcome: 'completed' });
  });

  it('re-plans a few times if FinishUpload is refused', () => {
    const facts = { ...planned, partsDone: 3, finish: refused };
    for (let refusals = 1; refusals <= MAX_REFUSALS; refusals++) {
      expect(nextStep({ ...facts, refusals, round: refusals - 1 }).kind).toBe('replan');
    }
    expect(nextStep({ ...facts, refusals: MAX_REFUSALS + 1, round: MAX_REFUSALS })).toMatchObject({
      kind: 'fail',
      failure: {
        code: 'FINISH_UNRESOLVED',
        retryable: true,
        message: expect.stringContaining('2 parts missing'),
      },
      rehash: true,
    });
  });

  it('compares the parts that VOD lists once, in the round after the first refusal', () => {
    const compare = (facts: Partial<Facts>) => nextStep({ ...nothing, hashed, ...facts });
    expect(compare({ round: 1, refusals: 1, refusedBefore: true })).toMatchObject({ compare: true });
    expect(compare({ round: 2, refusals: 1 })).toMatchObject({ compare: false });
    expect(compare({ round: 2, refusals: 2, refusedBefore: true })).toMatchObject({ compare: false });
  });

  it('begins anew when the session is over, whatever parts are left', () => {
    expect(nextStep({ ...planned, partsDone: 1, expiry: 'ExpiredToken' })).toEqual({
      ...{ kind: 'replan', pause: false, reason: 'its session is over [ExpiredToken]', expired: true },
    });
    const finish: FinishValue = { kind: 'expired', reason: 'CRC-64 differs [OBJECT_DIFFERS]' };
    expect(nextStep({ ...planned, partsDone: 3, finish, round: 2 })).toEqual({
      ...{ kind: 'replan', pause: true, reason: finish.reason, expired: true },
    });
  });

  it('counts a video that an earlier attempt of this upload made as sent by it', () => {
    const own: InitValue = { ...exists, kind: 'exists', own: true, fileId: '1', url: 'u' };
    expect(nextStep({ ...nothing, hashed, init: own })).toMatchObject({ outcome: 'completed' });
  });

  it('re-plans if FinishUpload has no reply, first at once and then with pauses, for up to MAX_ROUNDS', () => {
    const facts = { ...planned, partsDone: 3, finish: unknown };
    expect(nextStep(facts)).toEqual({
      ...{ kind: 'replan', pause: false, reason: unknown.reason, expired: false },
    });
    expect(nextStep({ ...facts, round: 1 })).toMatchObject({ kind: 'replan', pause: true });
    expect(nextStep({ ...facts, round: MAX_ROUNDS - 1 }).kind).toBe('replan');
    expect(nextStep({ ...facts, round: MAX_ROUNDS }).kind).toBe('fail');
  });

  it('never finishes before all planned parts are done', () => {
    const counts = fc.tuple(fc.nat(50), fc.nat(50)).filter(([sent, planned]) => sent < planned);
    fc.assert(
      fc.property(counts, fc.nat(MAX_ROUNDS), ([partsDone, partsPlanned], round) => {
        expect(nextStep({ ...nothing, hashed, init: send, partsDone, partsPlanned, round }).kind).toBe(
          'parts',
        );
      }),
    );
  });

  it('fails with the child’s reason, or as cancelled if it was cancelled', () => {
    expect(nextStep({ ...planned, failure })).toEqual({ kind: 'fail', failure });
    expect(nextStep({ ...planned, failure, cancelled: true })).toMatchObject({
      failure: { code: 'CANCELLED' },
    });
  });

  it('succeeds if VOD has the video, whatever else happened', () => {
    const troubled = { ...planned, partsDone: 3, failure, cancelled: true };
    expect(nextStep({ ...troubled, finish: finished }).kind).toBe('settle');
    expect(nextStep({ ...troubled, init: exists }).kind).toBe('settle');
  });
});

describe('after the upload', () => {
  const result: StoredResult = {
    ...{ outcome: 'instant', fileId: '9', url: 'u', fileSha: 'a'.repeat(40), fileSize: 3_000_000 },
    ...{ name: 'n', type: 'mp4', partsSent: 0, partsSkipped: 3, bytesSent: 0, metadataApplied: false },
    durationMs: 1,
  };
  const started = { vodTaskId: 't', at: 1000 };
  const waiting = { timeoutMs: 500, nowMs: 1200 };
  const step = (transcoding: Partial<Facts['transcoding']>, facts: Partial<Facts> = {}) =>
    nextStep({ ...nothing, result, transcoding: { ...waiting, ...transcoding }, ...facts });

  it('completes, unless the upload waits for its transcoding', () => {
    const troubled = { ...planned, failure, cancelled: true, result };
    expect(nextStep(troubled)).toEqual({ kind: 'complete', result });
    expect(step({})).toEqual({ kind: 'transcode', result });
    expect(step({ started })).toEqual({ kind: 'await', result, leftMs: 300 });
    expect(step({ started, end: { status: 0, message: '' } })).toEqual({ kind: 'complete', result });
  });

  it('completes if the transcoding succeeded, whatever else happened', () => {
    const end = { status: 0, message: '' };
    expect(step({ end }, { failure, cancelled: true }).kind).toBe('complete');
    expect(step({ started, end, nowMs: 9999 }).kind).toBe('complete');
  });

  it('fails with the reason, and says that VOD has the video', () => {
    const failed = (code: string, retryable: boolean, message: RegExp) => ({
      kind: 'fail',
      failure: { code, retryable, message: expect.stringMatching(message) },
    });
    expect(step({ started, nowMs: 1500 })).toMatchObject(
      failed('TRANSCODE_TIMEOUT', true, /^VOD has the video as fileId 9, but .*within 0\.50 s.*events/),
    );
    expect(step({ started, end: { status: 7, message: 'no video' } })).toMatchObject(
      failed('TRANSCODE_FAILED', false, /fileId 9, but .* status 7: no video$/),
    );
    expect(step({}, { failure })).toMatchObject(failed('4000', false, /fileId 9, but .*: bad$/));
    expect(step({ started }, { cancelled: true })).toMatchObject({ failure: { code: 'CANCELLED' } });
  });

  it('neither uploads nor finishes again in a later attempt', () => {
    const flags = fc.record({ cancelled: fc.boolean(), round: fc.nat(3), partsPlanned: fc.nat(3) });
    fc.assert(
      fc.property(flags, fc.boolean(), fc.nat(3000), (facts, hasStarted, nowMs) => {
        const { kind } = step({ ...(hasStarted && { started }), nowMs }, { hashed, init: send, ...facts });
        expect(['transcode', 'await', 'complete', 'fail']).toContain(kind);
      }),
    );
  });
});
