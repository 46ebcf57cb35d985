import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { LiveUpdates } from '../../../../src/ops/uploads/live-updates.ts';
import { PacedReads } from '../../../../src/ops/uploads/paced-reads.ts';

/** What is read one after the other, by a clock that goes on only while somebody reads or rests. */
async function follow(contents: readonly (string | Error)[], tookMs = 0) {
  let nowMs = 0;
  let reads = 0;
  const rests: number[] = [];
  const over = Promise.withResolvers<void>();
  const clock = (): number => nowMs;
  const rest = async (ms: number): Promise<void> => {
    rests.push(ms);
    nowMs += ms;
    if (reads <= contents.length) return;
    over.resolve();
    await new Promise(() => {});
  };
  const live = new LiveUpdates(new PacedReads(clock, async () => {}), undefined, clock, rest);
  const read = async (): Promise<string> => {
    nowMs += tookMs;
    const content = contents[reads++] ?? 'the end';
    if (content instanceof Error) throw content;
    return content;
  };
  const app = new Hono();
  app.get('/', (context) => live.stream(context, 'page', read));
  const { body } = await app.request('/');
  const reader = (body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
  let sent = '';
  while (!sent.includes('the end')) sent += (await reader.read()).value;
  await over.promise;
  await reader.cancel();
  return { sent: sent.split('\n\n').slice(0, -2), rests };
}

const update = (content: string): string => `event: update\ndata: ${content}`;

describe('a page that follows what happens', () => {
  it('is sent what is another than before, and nothing else', async () => {
    const { sent } = await follow(['a', 'a', 'a', 'b', 'b', 'a']);
    expect(sent).toEqual([update('a'), update('b'), update('a')]);
  });

  it('is read once a second, whatever reading takes', async () => {
    expect((await follow(['a', 'a'])).rests).toEqual([1000, 1000, 1000]);
    expect((await follow(['a', 'a'], 300)).rests).toEqual([700, 700, 700]);
    expect((await follow(['a', 'a'], 3000)).rests).toEqual([0, 0, 0]);
  });

  it('hears that there is nothing new when it has heard nothing for 15 s', async () => {
    const same = (count: number): string[] => Array(count).fill('a');
    expect((await follow(same(16))).sent).toEqual([update('a')]);
    expect((await follow(same(32))).sent).toEqual([update('a'), ': no change']);
    expect((await follow(same(33))).sent).toEqual([update('a'), ': no change', ': no change']);
  });

  it('is told of a trouble once, and goes on', async () => {
    const { sent } = await follow(['a', new Error('1'), new Error('1'), 'a']);
    const trouble = 'event: trouble\ndata: The page could not be rendered; see the log of this process.';
    expect(sent).toEqual([update('a'), trouble, update('a')]);
  });
});
