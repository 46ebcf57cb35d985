import { expect, it } from 'vitest';
import type { ReceivedEvent } from '../../../src/events/vod-event-log.ts';
import { factsOf, type Observed } from '../../../src/flow/facts.ts';
import { parseEvent } from '../../../src/vod/wire/events.ts';
import { childrenOf, data, hashed, send } from './sample-upload.ts';

const observed = (change: Partial<Observed>): Observed => ({
  ...{
    data,
    run: { attempt: 1, round: 0 },
    children: childrenOf({}),
    cancelled: false,
    events: [],
    nowMs: 9,
  },
  ...change,
});
const refused = { kind: 'refused', reason: '2 parts missing [-10003]' };

it('has no optional facts of an upload that has just started', () => {
  expect(factsOf(observed({}))).toEqual({
    ...{
      cancelled: false,
      partsDone: 0,
      partsPlanned: 0,
      round: 0,
      refusals: 0,
      refusedBefore: false,
    },
  });
});

it('counts the parts that InitUpload asks for, and those that are done', () => {
  const children = childrenOf({ 'r1-hash': hashed, 'r1-init': send([1, 2]), 'r1-p1': null });
  expect(factsOf(observed({ children }))).toMatchObject({ hashed, partsPlanned: 2, partsDone: 1 });
});

it('parses the failure of a child', () => {
  const children = childrenOf({}, { 'r1-p1': 'part is bad [4100]' });
  const failure = { code: '4100', message: 'part is bad', retryable: false };
  expect(factsOf(observed({ children, cancelled: true }))).toMatchObject({ failure, cancelled: true });
});

it('counts the refusals of all rounds of the attempt', () => {
  const children = childrenOf({ 'r2-finish': refused, 'r2.1-finish': refused, 'r1-finish': refused });
  const refusalsIn = (round: number) => factsOf(observed({ children, run: { attempt: 2, round } }));
  expect(refusalsIn(0)).toMatchObject({ refusals: 1, refusedBefore: false, finish: refused });
  expect(refusalsIn(2)).toMatchObject({ refusals: 2, refusedBefore: true });
  expect(refusalsIn(3)).toMatchObject({ refusals: 2, refusedBefore: false });
});

it('has a transcoding only if the upload waits for it', () => {
  const children = childrenOf({ 'r1-transcode': { at: 5, vodTaskId: 't' } });
  const event = parseEvent({
    eventType: 'TranscodeComplete',
    data: { fileId: '9', status: 0, vodTaskId: 't' },
  });
  const events: ReceivedEvent[] = [{ id: 'e', at: new Date(7), via: 'pull', event }];
  const waiting = { ...data, transcoding: { timeoutMs: 100 } };
  expect(factsOf(observed({ children, data: { ...data, transcoding: {} } }))).not.toHaveProperty(
    'transcoding',
  );
  expect(factsOf(observed({ children, events, data: waiting })).transcoding).toMatchObject({
    ...{ started: { at: 5 }, end: { status: 0 }, timeoutMs: 100, nowMs: 9 },
  });
  expect(factsOf(observed({ data: waiting })).transcoding).toEqual({ timeoutMs: 100, nowMs: 9 });
});

it('throws if the result of a child is invalid', () => {
  expect(() => factsOf(observed({ children: childrenOf({ 'r1-hash': 'x' }) }))).toThrow(/INVALID_JOB/);
});
